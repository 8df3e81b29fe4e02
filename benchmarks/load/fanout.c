/*
 * Fan-out: the first client publishes, the server emits to every client, the publisher included.
 *
 * `outstanding` broadcasts are kept under way: the next one is published when everybody has received one.
 */
#include "load.h"

#include <stdio.h>
#include <string.h>

#define HEAD "42[\"fan\",\""
#define HEAD_LENGTH (sizeof HEAD - 1)
#define DIGITS 8
#define BODY_AT (HEAD_LENGTH + DIGITS)
#define RING 8   /* more than the broadcasts under way */

/* What one client has received: all below `next`, and of those from `next` on the set bits. */
struct reader {
    uint32_t next;
    uint32_t ahead;
};

static struct template request;
static char *expected;
static size_t expected_length;
static struct client *publisher;
static uint32_t published;
static struct groups broadcasts;
static uint32_t missing[RING];   /* per broadcast under way: how many clients still wait for it */
static uint64_t deliveries, reordered;

static void publish(void)
{
    missing[published % RING] = (uint32_t)options.connections;
    template_patch(&request, request.bytes, published++);
    client_write(publisher, request.bytes, request.length);
}

static void on_message(struct client *client, const uint8_t *packet, size_t length)
{
    struct reader *reader = client->data;
    if (length != expected_length || memcmp(packet, expected, HEAD_LENGTH) != 0 ||
        memcmp(packet + BODY_AT, expected + BODY_AT, length - BODY_AT) != 0)
        fail("expected a broadcast of %zu bytes, received %zu: %.*s", expected_length, length,
             (int)(length < 100 ? length : 100), packet);
    uint32_t number = read_digits(packet + HEAD_LENGTH, DIGITS);
    uint32_t distance = number - reader->next;
    if (number >= published || distance >= 32 || (reader->ahead & 1u << distance))
        fail("connection %u received broadcast %u twice or never sent; it waits for %u", client->index, number,
             reader->next);
    if (distance)
        reordered++;
    reader->ahead |= 1u << distance;
    while (reader->ahead & 1) {
        reader->ahead >>= 1;
        reader->next++;
    }
    deliveries++;
    if (--missing[number % RING] == 0) {
        broadcasts.ended++;
        broadcasts.last_ns = now_ns();
        if (phase != PHASE_DRAIN)
            publish();
    }
}

void run_fanout(void)
{
    if (options.outstanding >= RING || options.payload < DIGITS)
        fail("fan-out takes a payload of at least %d bytes and fewer than %d broadcasts under way", DIGITS, RING);
    expected_length = HEAD_LENGTH + (size_t)options.payload + 2;
    expected = allocate(expected_length + 1);
    memset(expected, 'x', expected_length);
    memcpy(expected, HEAD, HEAD_LENGTH);
    memcpy(expected + expected_length - 2, "\"]", 2);
    template_make(&request, expected, expected_length, HEAD_LENGTH, DIGITS);

    behaviour.message = on_message;
    struct client *clients = clients_connect();
    for (int i = 0; i < options.connections; i++)
        clients[i].data = allocate(sizeof(struct reader));
    broadcasts.size = (uint64_t)options.connections;
    groups = &broadcasts;
    publisher = &clients[0];
    for (int i = 0; i < options.outstanding; i++)
        publish();
    run_window();
    while (broadcasts.ended < published)
        turn(100);
    if (deliveries != (uint64_t)published * (uint64_t)options.connections)
        fail("%llu deliveries of %u broadcasts", (unsigned long long)deliveries, published);
    clients_close(clients, options.connections);
    char extra[64];
    snprintf(extra, sizeof extra, ", \"reordered\": %llu", (unsigned long long)reordered);
    print_result(extra);
}
