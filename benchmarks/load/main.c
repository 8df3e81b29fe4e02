/* The load generator's command line; see load.h. */
#define _GNU_SOURCE
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct options options = {
    .connections = 1, .outstanding = 1, .payload = 32, .query = "", .warmup = 0.5, .duration = 2, .sources = 16};

static const struct {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"echo", run_echo}, {"fanout", run_fanout}, {"polling", run_polling}, {"connects", run_connects}, {"idle", run_idle},
};

static void usage(void)
{
    fprintf(stderr,
            "usage: load echo|fanout|polling|connects|idle --port PORT... [--connections N]\n"
            "            [--outstanding N] [--payload BYTES] [--warmup SECONDS] [--duration SECONDS] [--sources N] [--spin]\n"
            "            [--query TEXT] [--server-pid PID]...\n"
            "Prints one line of JSON: the result, or {\"error\": reason} and exit status 1.\n");
    exit(2);
}

static void parse(int count, char **arguments)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},     {"connections", required_argument, NULL, 'c'},
        {"outstanding", required_argument, NULL, 'o'}, {"payload", required_argument, NULL, 'b'},
        {"warmup", required_argument, NULL, 'w'},   {"duration", required_argument, NULL, 'd'},
        {"sources", required_argument, NULL, 's'},  {"server-pid", required_argument, NULL, 'i'},
        {"query", required_argument, NULL, 'q'},      {"spin", no_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    int name;
    while ((name = getopt_long(count, arguments, "", names, NULL)) != -1) {
        switch (name) {
        case 'p':
            if (options.port_count == MAX_PORTS)
                fail("more than %d ports", MAX_PORTS);
            options.ports[options.port_count++] = atoi(optarg);
            break;
        case 'c': options.connections = atoi(optarg); break;
        case 'o': options.outstanding = atoi(optarg); break;
        case 'b': options.payload = atoi(optarg); break;
        case 'w': options.warmup = atof(optarg); break;
        case 'd': options.duration = atof(optarg); break;
        case 's': options.sources = atoi(optarg); break;
        case 'q': options.query = optarg; break;
        case 'n': options.spin = true; break;
        case 'i':
            if (options.server_pid_count == MAX_SERVER_PIDS)
                fail("more than %d server processes", MAX_SERVER_PIDS);
            options.server_pids[options.server_pid_count++] = atoi(optarg);
            break;
        default: usage();
        }
    }
    if (optind != count - 1 || options.port_count == 0 || options.connections < 1 || options.outstanding < 1 ||
        options.payload < 0 || options.sources < 1 || options.sources > 250)
        usage();
    options.scenario = arguments[optind];
}

int main(int count, char **arguments)
{
    parse(count, arguments);
    prctl(PR_SET_PDEATHSIG, SIGKILL);   /* never outlive the runner */
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        if (strcmp(options.scenario, scenarios[i].name) == 0) {
            scenarios[i].run();
            return 0;
        }
    usage();
}
