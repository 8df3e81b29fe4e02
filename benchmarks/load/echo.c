/* Echo with ack: every client keeps `outstanding` requests under way. */
#include "load.h"

#include <string.h>

static struct template request;
static uint64_t sent, received;

static void queue_request(uint32_t id)
{
    /* Patched in place: the queue copies it. */
    template_patch(&request, request.bytes, id);
    client_queue(request.bytes, request.length);
    sent++;
}

static void on_message(struct client *client, const uint8_t *packet, size_t length)
{
    struct acks *acks = client->data;
    int slot = acks_check(acks, packet, length);
    received++;
    window.count++;
    uint32_t id = acks_next(acks, slot, phase == PHASE_DRAIN);
    if (id)
        queue_request(id);
}

static void start(struct client *client)
{
    client->data = allocate(sizeof(struct acks));
    acks_init(client->data);
    for (int slot = 0; slot < options.outstanding; slot++) {
        template_patch(&request, request.bytes, acks_first(client->data, slot));
        client_write(client, request.bytes, request.length);
        sent++;
    }
}

void run_echo(void)
{
    acks_prepare();
    template_make(&request, echo_packet, echo_packet_length, ECHO_DIGITS_AT, ID_DIGITS);
    behaviour.message = on_message;
    struct client *clients = clients_connect();
    for (int i = 0; i < options.connections; i++)
        start(&clients[i]);
    run_window();
    while (received < sent)
        turn(100);
    clients_close(clients, options.connections);
    print_result("");
}
