/*
 * Idle clients: connect them all, answer heartbeats, and let whoever started this measure the server meanwhile.
 *
 * Prints a line of JSON when all are connected, and another for every line that arrives on standard input; closes
 * the clients when standard input ends.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static bool input_ended;

static void on_message(struct client *client, const uint8_t *packet, size_t length)
{
    fail("connection %u received: %.*s", client->index, (int)(length < 100 ? length : 100), packet);
}

static void report(void)
{
    printf("{\"connections\": %d, \"time\": %.6f, \"pings\": %llu, \"server_cpu_seconds\": %.4f, "
           "\"generator_busy_seconds\": %.4f}\n",
           options.connections, (double)now_ns() / 1e9, (unsigned long long)pings_answered, server_cpu_seconds(),
           generator_busy_seconds());
    fflush(stdout);
}

static void on_input(struct watched *watched, uint32_t events)
{
    (void)events;
    char text[256];
    ssize_t got = read(watched->fd, text, sizeof text);
    if (got <= 0)
        input_ended = true;
    for (ssize_t i = 0; i < got; i++)
        if (text[i] == '\n')
            report();
}

void run_idle(void)
{
    behaviour.message = on_message;
    struct client *clients = clients_connect();
    phase = PHASE_MEASURE;
    struct watched input = {.on_event = on_input, .fd = STDIN_FILENO};
    watch(&input, EPOLLIN);
    report();
    while (!input_ended) {
        turn(100);
        progress();   /* idle is what they should be */
    }
    input.fd = -1;
    clients_close(clients, options.connections);
}
