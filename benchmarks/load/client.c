/* One Socket.IO client over a direct WebSocket connection: handshake, frames, heartbeat, close. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (256 * 1024)
#define CONNECTS_IN_FLIGHT 64

struct behaviour behaviour;
uint64_t pings_answered;

/* The key of RFC 6455, 1.3 and its answer. */
#define WEBSOCKET_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define WEBSOCKET_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static uint8_t batch[CHUNK];
static size_t batch_length;

/* The request of a browser on the same origin, without the offer of permessage-deflate: no server compresses.
   All servers of a cluster are asked for under the first one's address, as behind a balancer. */
static const char *upgrade_request(size_t *length)
{
    static char text[2048];
    static size_t size;
    if (!size)
        size = (size_t)snprintf(
            text, sizeof text,
            "GET /socket.io/?EIO=4&transport=websocket%s HTTP/1.1\r\n"
            "Host: 127.0.0.1:%d\r\n"
            "Connection: Upgrade\r\n"
            "Pragma: no-cache\r\n"
            "Cache-Control: no-cache\r\n"
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
            "Safari/537.36\r\n"
            "Upgrade: websocket\r\n"
            "Origin: http://127.0.0.1:%d\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            "Accept-Language: en-US,en;q=0.9\r\n"
            "Sec-WebSocket-Key: " WEBSOCKET_KEY "\r\n\r\n",
            options.query, options.ports[0], options.ports[0]);
    if (size >= sizeof text)
        fail("the query is too long");
    *length = size;
    return text;
}

static void drop_socket(struct client *client)
{
    close(client->watched.fd);
    client->watched.fd = -1;
    client->state = CLIENT_IDLE;
    client->input_length = client->output_length = client->output_offset = 0;
    client->life++;
    if (behaviour.closed)
        behaviour.closed(client);
}

static void lost(struct client *client, const char *how)
{
    if (client->state == CLIENT_CLOSING)
        drop_socket(client);
    else
        fail("connection %u was lost in state %d: %s", client->index, (int)client->state, how);
}

/* ---- output ---- */

static void keep_output(struct client *client, const uint8_t *bytes, size_t length)
{
    reserve(&client->output, &client->output_capacity, client->output_length + length);
    memcpy(client->output + client->output_length, bytes, length);
    client->output_length += length;
}

void client_write(struct client *client, const uint8_t *bytes, size_t length)
{
    if (client->output_length) {
        keep_output(client, bytes, length);
        return;
    }
    ssize_t written = send(client->watched.fd, bytes, length, MSG_NOSIGNAL);
    if (written == (ssize_t)length)
        return;
    if (written < 0) {
        if (errno != EAGAIN) {
            lost(client, strerror(errno));
            return;
        }
        written = 0;
    }
    keep_output(client, bytes + written, length - (size_t)written);
    watch_again(&client->watched, EPOLLIN | EPOLLOUT);
}

static void write_kept(struct client *client)
{
    size_t left = client->output_length - client->output_offset;
    ssize_t written = send(client->watched.fd, client->output + client->output_offset, left, MSG_NOSIGNAL);
    if (written < 0) {
        if (errno != EAGAIN)
            lost(client, strerror(errno));
        return;
    }
    client->output_offset += (size_t)written;
    if (client->output_offset == client->output_length) {
        client->output_length = client->output_offset = 0;
        watch_again(&client->watched, EPOLLIN);
    }
}

void client_queue(const uint8_t *bytes, size_t length)
{
    if (batch_length + length > sizeof batch)
        fail("one chunk asked for more than %zu bytes", sizeof batch);
    memcpy(batch + batch_length, bytes, length);
    batch_length += length;
}

static void queue_text(const char *text, size_t length)
{
    uint8_t frame[64];
    client_queue(frame, frame_write(frame, 1, text, length));
}

/* ---- input ---- */

static bool has_text(const uint8_t *packet, size_t length, const char *text)
{
    return memmem(packet, length, text, strlen(text)) != NULL;
}

static void handle_text(struct client *client, const uint8_t *packet, size_t length)
{
    if (length == 1 && packet[0] == '2') {
        queue_text("3", 1);
        pings_answered++;
        return;
    }
    switch (client->state) {
    case CLIENT_READY:
        behaviour.message(client, packet, length);
        return;
    case CLIENT_OPENING:
        if (length < 2 || packet[0] != '0' || !has_text(packet, length, "\"sid\""))
            fail("expected the open packet, received: %.*s", (int)length, packet);
        queue_text("40", 2);
        client->state = CLIENT_JOINING;
        return;
    case CLIENT_JOINING:
        if (length < 3 || memcmp(packet, "40{", 3) != 0)
            fail("expected the answer to CONNECT, received: %.*s", (int)length, packet);
        client->state = CLIENT_READY;
        behaviour.ready(client);
        return;
    default:   /* what was under way when we said goodbye */
        return;
    }
}

/* Handle one whole frame of the server; returns false when the connection is over. */
static bool handle_frame(struct client *client, uint8_t first, const uint8_t *payload, size_t length)
{
    uint32_t life = client->life;
    switch (first) {
    case 0x81:
        handle_text(client, payload, length);
        return client->life == life;
    case 0x88:
        lost(client, "the server sent a close frame");
        return false;
    case 0x89: {
        uint8_t frame[125 + MAX_FRAME_HEADER];
        client_queue(frame, frame_write(frame, 10, payload, length < 125 ? length : 125));
        return true;
    }
    case 0x8a:
        return true;
    default:
        fail("unexpected frame: first byte %02x, %zu bytes", first, length);
    }
}

/* Take the frames that are whole; returns how many bytes were used. */
static size_t handle_frames(struct client *client, const uint8_t *data, size_t length)
{
    size_t at = 0;
    while (length - at >= 2) {
        const uint8_t *frame = data + at;
        size_t header = 2;
        uint64_t size = frame[1];
        if (size > 125) {
            if (size & 0x80)
                fail("the server sent a masked frame");
            header = size == 126 ? 4 : 10;
            if (length - at < header)
                break;
            size = 0;
            for (size_t i = 2; i < header; i++)
                size = size << 8 | frame[i];
            if (size > (1u << 28))
                fail("the server announces a frame of %llu bytes", (unsigned long long)size);
        }
        if (length - at < header + size)
            break;
        at += header + size;
        if (!handle_frame(client, frame[0], frame + header, size))
            return length;
    }
    return at;
}

/* The answer to the upgrade request; returns 0 while it is not whole. */
static size_t handle_upgrade(struct client *client, const uint8_t *data, size_t length)
{
    const uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) {
        if (length > 16384)
            fail("the answer to the upgrade request has no end");
        return 0;
    }
    size_t size = (size_t)(end - data) + 4;
    if (size < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0 || !has_text(data, size, WEBSOCKET_ACCEPT))
        fail("the upgrade was refused: %.*s", (int)(size < 200 ? size : 200), data);
    client->state = CLIENT_OPENING;
    return size;
}

static void handle_input(struct client *client)
{
    /* The tail of the last chunk goes in front of the new one, so that a frame is always in one piece. */
    static uint8_t *chunk;
    static size_t capacity;
    size_t length = client->input_length;
    reserve(&chunk, &capacity, length + CHUNK);
    if (length)
        memcpy(chunk, client->input, length);
    ssize_t got = recv(client->watched.fd, chunk + length, CHUNK, 0);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN)
            return;
        lost(client, got ? strerror(errno) : "end of stream");
        return;
    }
    length += (size_t)got;

    batch_length = 0;
    size_t used = 0;
    uint32_t life = client->life;
    if (client->state == CLIENT_UPGRADING)
        used = handle_upgrade(client, chunk, length);
    if (client->state != CLIENT_UPGRADING)
        used += handle_frames(client, chunk + used, length - used);
    if (client->life != life)
        return;
    client->input_length = length - used;
    if (client->input_length) {
        reserve(&client->input, &client->input_capacity, client->input_length);
        memcpy(client->input, chunk + used, client->input_length);
    }
    if (batch_length && client->state != CLIENT_CLOSING)
        client_write(client, batch, batch_length);
}

static void handle_connected(struct client *client)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->watched.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        fail("connect: %s", strerror(error));
    client->state = CLIENT_UPGRADING;
    watch_again(&client->watched, EPOLLIN);
    size_t length;
    const char *request = upgrade_request(&length);
    client_write(client, (const uint8_t *)request, length);
}

static void on_event(struct watched *watched, uint32_t events)
{
    struct client *client = (struct client *)watched;
    if (client->state == CLIENT_CONNECTING) {
        handle_connected(client);
        return;
    }
    if ((events & EPOLLOUT) && client->output_length)
        write_kept(client);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && client->watched.fd >= 0)
        handle_input(client);
}

/* ---- life ---- */

void client_connect(struct client *client)
{
    client->watched.on_event = on_event;
    client->watched.fd = connect_to_server();
    client->state = CLIENT_CONNECTING;
    watch(&client->watched, EPOLLOUT);
}

void client_close(struct client *client)
{
    static const uint8_t normal[2] = {0x03, 0xe8};   /* 1000 */
    uint8_t frame[2 + MAX_FRAME_HEADER];
    client->state = CLIENT_CLOSING;
    client_write(client, frame, frame_write(frame, 8, normal, 2));
}

static int ready_count;

static void count_ready(struct client *client)
{
    (void)client;
    ready_count++;
}

struct client *clients_connect(void)
{
    struct client *clients = allocate((size_t)options.connections * sizeof *clients);
    void (*ready)(struct client *) = behaviour.ready;
    behaviour.ready = count_ready;
    progress();
    int started = 0;
    while (ready_count < options.connections) {
        while (started < options.connections && started - ready_count < CONNECTS_IN_FLIGHT) {
            clients[started].index = (uint32_t)started;
            client_connect(&clients[started++]);
        }
        turn(100);
    }
    behaviour.ready = ready;
    return clients;
}

void clients_close(struct client *clients, int count)
{
    uint64_t deadline = now_ns() + 5000000000ull;
    for (int i = 0; i < count; i++)
        if (clients[i].state == CLIENT_READY)
            client_close(&clients[i]);
    for (int i = 0; i < count; i++)
        while (clients[i].state != CLIENT_IDLE && now_ns() < deadline)
            turn(10);
}
