from benchmarks.results import Outcome, Results, Sample
from benchmarks.scenarios import Goal, Metric
from benchmarks.servers import Launch, Peer
from benchmarks.table import disturbed, figures_table, goals_reached, per_core_table, ratios_table

ECHO = Metric("echo", "echo with ack", "echo/s", True, (Goal(8, "slow"), Goal(0.6, "fast")))
BYTES = Metric("memory", "memory", "bytes", False, (Goal(4096),))
METRICS = (ECHO, BYTES)


def launch() -> Launch:
    raise AssertionError("a table starts nothing")


OURS = Peer("rtserver", "rtserver", launch)
SLOW = Peer("slow", "Slow", launch)
FAST = Peer("fast", "Fast", launch)
PEERS = (OURS, SLOW, FAST)


def results(waited: float = 0.0) -> Results:
    found = Results()
    for peer, values in {"rtserver": (9000, 10_000), "slow": (1000, 1000), "fast": (25_000, 25_000)}.items():
        found.outcome("echo", peer).samples += [
            Sample(number, value, server_cpu=1.0, generator_busy=0.25, waited=waited)
            for number, value in enumerate(values)
        ]
    found.outcome("memory", "rtserver").samples.append(Sample(0, 2000))
    found.outcome("memory", "slow").samples.append(Sample(0, 20_000))
    found.outcome("memory", "fast").error = "an ack came twice"
    return found


def words(line: str) -> str:
    """Return a row without its alignment."""
    return " ".join(line.split())


def test_ratios_stand_beside_their_goals() -> None:
    assert ratios_table(results(), METRICS, PEERS).splitlines() == [
        "times better than  rtserver                     Slow                                    Fast",
        "-" * 126,
        "echo with ack      9,500                        9.50 [9.00 to 10.00] (goal 8: reached)"
        "  0.38 [0.36 to 0.40] (goal 0.6: MISSED)",
        "memory             2,000 (goal 4,096: reached)  10.00                                   FAILED",
    ]


def test_goals_are_counted() -> None:
    assert goals_reached(results(), METRICS) == (2, 1, 0)
    without = results()
    del without.outcomes["echo"]["slow"]
    assert goals_reached(without, METRICS) == (1, 1, 1)


def test_goals_of_a_scenario_that_did_not_run_do_not_count() -> None:
    only = results()
    del only.outcomes["echo"]
    assert goals_reached(only, METRICS) == (1, 0, 0)
    assert "echo" not in ratios_table(only, METRICS, PEERS)


def test_figures_show_what_limited_them_and_errors_instead_of_numbers() -> None:
    lines = figures_table(results(waited=0.3), METRICS, PEERS).splitlines()
    assert (
        words(lines[2]) == "echo with ack rtserver 9,500 echo/s 9,000 to 10,000 100% 9,500 25% 30% disturbed"
    )
    assert words(lines[-1]) == "Fast FAILED bytes an ack came twice"


def test_a_busy_generator_is_named_as_a_possible_limit() -> None:
    busy = Results()
    busy.outcome("echo", "rtserver").samples.append(Sample(0, 1.0, server_cpu=0.5, generator_busy=0.95))
    assert "95% limit?" in figures_table(busy, METRICS, PEERS)


def test_disturbed_figures_are_noticed() -> None:
    assert disturbed(results(waited=0.1))
    assert not disturbed(results(waited=0.09))


def test_per_core_table_has_rates_only() -> None:
    lines = per_core_table(results(), METRICS, PEERS).splitlines()
    assert [words(line) for line in lines[2:]] == ["echo with ack 9.50 0.38"]


def test_a_failed_peer_has_an_outcome_without_value() -> None:
    assert results().errors == [("memory", "fast", "an ack came twice")]
    assert results().outcome("memory", "fast") == Outcome([], "an ack came twice")
