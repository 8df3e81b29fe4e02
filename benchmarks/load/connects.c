/*
 * Connects per second: TCP connect, WebSocket upgrade, Engine.IO open, Socket.IO CONNECT and its answer; then a
 * WebSocket close, answered by the server, while the next one connects.
 */
#include "load.h"

#include <string.h>

#define CLOSING_LIMIT 512   /* a server that answers closes late is not drowned in them */

static struct client *clients;
static struct client **unused;   /* a stack */
static int unused_count;
static int connecting, closing;

static void start_more(void)
{
    while (phase != PHASE_DRAIN && connecting < options.outstanding && closing < CLOSING_LIMIT && unused_count) {
        connecting++;
        client_connect(unused[--unused_count]);
    }
}

static void on_ready(struct client *client)
{
    window.count++;
    connecting--;
    closing++;
    client_close(client);
    start_more();
}

static void on_message(struct client *client, const uint8_t *packet, size_t length)
{
    fail("connection %u received: %.*s", client->index, (int)(length < 100 ? length : 100), packet);
}

static void on_closed(struct client *client)
{
    closing--;
    unused[unused_count++] = client;
    start_more();
}

void run_connects(void)
{
    int total = options.outstanding + CLOSING_LIMIT;
    clients = allocate((size_t)total * sizeof *clients);
    unused = allocate((size_t)total * sizeof *unused);
    for (int i = 0; i < total; i++) {
        clients[i].index = (uint32_t)i;
        unused[unused_count++] = &clients[i];
    }
    behaviour.ready = on_ready;
    behaviour.message = on_message;
    behaviour.closed = on_closed;
    progress();
    start_more();
    run_window();
    while (connecting || closing)
        turn(100);
    print_result("");
}
