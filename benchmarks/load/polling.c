/*
 * Echo with ack over HTTP long-polling. A client has two keep-alive connections, as a browser has: a GET waits for
 * packets on one while a POST carries them on the other. The next round begins when the ack has arrived and the
 * POST has been answered.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define SEPARATOR 0x1e
#define CHUNK (64 * 1024)

struct poller;

/* One keep-alive HTTP connection: at most one request under way. */
struct http {
    struct watched watched;
    struct poller *poller;
    bool connected, busy;
    char *request;            /* what is to be written; partly, while the kernel is full */
    size_t request_length, request_sent, request_capacity;
    uint8_t *input;
    size_t input_length, input_capacity;
    void (*answered)(struct poller *poller, const uint8_t *body, size_t length);
};

struct poller {
    struct http get, post;
    struct acks acks;
    char sid[128];
    uint32_t id;        /* the request under way */
    bool ready, ack_missing, pong_due, closing, closed;
};

static struct poller *pollers;
static int ready_count, closed_count;
static uint64_t sent, received;

/* ---- HTTP ---- */

static void write_request(struct http *http)
{
    size_t left = http->request_length - http->request_sent;
    ssize_t written = send(http->watched.fd, http->request + http->request_sent, left, MSG_NOSIGNAL);
    if (written < 0 && errno != EAGAIN)
        fail("a polling connection was lost: %s", strerror(errno));
    if (written > 0)
        http->request_sent += (size_t)written;
    if (http->request_sent < http->request_length)
        watch_again(&http->watched, EPOLLIN | EPOLLOUT);
}

static void begin(struct http *http, const char *method, const char *body, size_t length,
                  void (*answered)(struct poller *, const uint8_t *, size_t))
{
    struct poller *poller = http->poller;
    if (http->busy)
        fail("a second request on a busy connection");
    reserve((uint8_t **)&http->request, &http->request_capacity, 768 + length);
    int size = snprintf(http->request, http->request_capacity,
                        "%s /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\n"
                        "Host: 127.0.0.1:%d\r\n"
                        "Connection: keep-alive\r\n"
                        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                        "Chrome/140.0.0.0 Safari/537.36\r\n"
                        "Accept: */*\r\n"
                        "Origin: http://127.0.0.1:%d\r\n",
                        method, poller->sid[0] ? "&sid=" : "", poller->sid, options.ports[0], options.ports[0]);
    if (method[0] == 'P')
        size += snprintf(http->request + size, http->request_capacity - (size_t)size,
                         "Content-type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n", length);
    memcpy(http->request + size, "\r\n", 2);
    size += 2;
    if (length)
        memcpy(http->request + size, body, length);
    http->request_length = (size_t)size + length;
    http->request_sent = 0;
    http->answered = answered;
    http->busy = true;
    if (http->connected)
        write_request(http);
}

/* The value of a header in lower case letters, or NULL; `head` ends with an empty line. */
static const char *header(const char *head, const char *end, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = head; line < end;) {
        const char *next = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (!next)
            return NULL;
        line = next + 2;
        if ((size_t)(end - line) > length && line[length] == ':' && strncasecmp(line, name, length) == 0)
            return line + length + 1 + strspn(line + length + 1, " \t");
    }
    return NULL;
}

/* Join the chunks of a body in place; returns its length and sets `*used`, or -1 while it is not whole. */
static ssize_t join_chunks(uint8_t *data, size_t length, size_t *used)
{
    size_t at = 0, joined = 0;
    for (;;) {
        const uint8_t *line = memmem(data + at, length - at, "\r\n", 2);
        if (!line)
            return -1;
        size_t size = strtoul((const char *)data + at, NULL, 16);
        at = (size_t)(line - data) + 2;
        if (length < at + size + 2)
            return -1;
        memmove(data + joined, data + at, size);
        joined += size;
        at += size + 2;
        if (size == 0)
            break;
    }
    *used = at;
    return (ssize_t)joined;
}

/* Handle the answer if it is whole. */
static void handle_answer(struct http *http)
{
    uint8_t *data = http->input;
    size_t length = http->input_length;
    data[length] = 0;
    uint8_t *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end)
        return;
    const char *head = (const char *)data;
    uint8_t *body = end + 4;
    size_t have = length - (size_t)(body - data), used, size;
    const char *value = header(head, (const char *)body, "content-length");
    if (value) {
        size = used = strtoul(value, NULL, 10);
        if (have < size)
            return;
    } else if ((value = header(head, (const char *)body, "transfer-encoding")) && strncasecmp(value, "chunked", 7) == 0) {
        /* Joined only when whole: the last chunk is an empty one. */
        if (have < 5 || memcmp(body + have - 5, "0\r\n\r\n", 5) != 0)
            return;
        ssize_t joined = join_chunks(body, have, &used);
        if (joined < 0)
            return;
        size = (size_t)joined;
    } else {
        fail("an answer without a length: %.*s", (int)(length < 200 ? length : 200), head);
    }
    if (used != have)
        fail("more came than the answer to one request");
    struct poller *poller = http->poller;
    if (!poller->closing && (length < 12 || memcmp(head, "HTTP/1.1 200", 12) != 0))
        fail("a request was refused: %.*s", (int)(length < 300 ? length : 300), head);
    http->input_length = 0;
    http->busy = false;
    http->answered(poller, body, size);
}

static void on_event(struct watched *watched, uint32_t events)
{
    struct http *http = (struct http *)watched;
    if (events & EPOLLOUT) {
        if (!http->connected) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(watched->fd, SOL_SOCKET, SO_ERROR, &error, &size);
            if (error)
                fail("connect: %s", strerror(error));
            http->connected = true;
        }
        watch_again(watched, EPOLLIN);
        if (http->request_sent < http->request_length)
            write_request(http);
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    reserve(&http->input, &http->input_capacity, http->input_length + CHUNK);
    ssize_t got = recv(watched->fd, http->input + http->input_length, CHUNK - 1, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        if (!http->poller->closing)
            fail("a keep-alive connection was closed: %s", got ? strerror(errno) : "end of stream");
        watch_again(watched, 0);
        return;
    }
    http->input_length += (size_t)got;
    handle_answer(http);
}

static void open_http(struct http *http, struct poller *poller)
{
    http->poller = poller;
    http->watched.on_event = on_event;
    http->watched.fd = connect_to_server();
    watch(&http->watched, EPOLLIN | EPOLLOUT);
}

/* ---- Engine.IO ---- */

static void step(struct poller *poller);

static void expect_ok(const uint8_t *body, size_t length)
{
    if (length != 2 || strncasecmp((const char *)body, "ok", 2) != 0)
        fail("a POST was answered with: %.*s", (int)(length < 100 ? length : 100), body);
}

static void on_posted(struct poller *poller, const uint8_t *body, size_t length)
{
    expect_ok(body, length);
    step(poller);
}

static void handle_packet(struct poller *poller, const uint8_t *packet, size_t length)
{
    if (length == 1 && packet[0] == '2') {
        poller->pong_due = true;
        pings_answered++;
    } else if (!poller->ready) {
        if (length < 3 || memcmp(packet, "40{", 3) != 0)
            fail("expected the answer to CONNECT, received: %.*s", (int)(length < 100 ? length : 100), packet);
        poller->ready = true;
        ready_count++;
    } else {
        acks_check(&poller->acks, packet, length);
        poller->ack_missing = false;
        received++;
        window.count++;
    }
}

static void on_polled(struct poller *poller, const uint8_t *body, size_t length)
{
    const uint8_t *end = body + length;
    while (body < end && !poller->closing) {
        const uint8_t *next = memchr(body, SEPARATOR, (size_t)(end - body));
        if (!next)
            next = end;
        handle_packet(poller, body, (size_t)(next - body));
        body = next + 1;
    }
    step(poller);
}

/* Do whatever can be done now: this is called after every answer. */
static void step(struct poller *poller)
{
    if (poller->closing)
        return;
    bool resting = phase == PHASE_DRAIN || phase == PHASE_CONNECT;
    bool next = poller->ready && !poller->ack_missing && !poller->post.busy && !resting;
    if (!poller->get.busy && (poller->ack_missing || next || !poller->ready))
        begin(&poller->get, "GET", NULL, 0, on_polled);
    if (poller->post.busy || !(next || poller->pong_due))
        return;
    static char body[1 << 17];
    size_t length = 0;
    if (poller->pong_due) {
        body[length++] = '3';
        if (next)
            body[length++] = SEPARATOR;
        poller->pong_due = false;
    }
    if (next) {
        poller->id = poller->id ? acks_next(&poller->acks, 0, false) : acks_first(&poller->acks, 0);
        memcpy(body + length, echo_packet, echo_packet_length);
        char digits[ID_DIGITS + 1];
        snprintf(digits, sizeof digits, "%06u", poller->id);
        memcpy(body + length + ECHO_DIGITS_AT, digits, ID_DIGITS);
        length += echo_packet_length;
        poller->ack_missing = true;
        sent++;
    }
    begin(&poller->post, "POST", body, length, on_posted);
}

static void on_joined(struct poller *poller, const uint8_t *body, size_t length)
{
    expect_ok(body, length);
    step(poller);
}

static void on_opened(struct poller *poller, const uint8_t *body, size_t length)
{
    const char *sid = length && body[0] == '0' ? memmem(body, length, "\"sid\":\"", 7) : NULL;
    const char *end = sid ? memchr(sid + 7, '"', length - (size_t)((const uint8_t *)sid - body) - 7) : NULL;
    if (!end || (size_t)(end - sid - 7) >= sizeof poller->sid)
        fail("expected the open packet, received: %.*s", (int)(length < 100 ? length : 100), body);
    memcpy(poller->sid, sid + 7, (size_t)(end - sid - 7));
    begin(&poller->post, "POST", "40", 2, on_joined);
}

static void on_closed(struct poller *poller, const uint8_t *body, size_t length)
{
    (void)body;
    (void)length;
    poller->closed = true;
    closed_count++;
}

void run_polling(void)
{
    options.outstanding = 1;
    acks_prepare();
    if (echo_packet_length > (1 << 17) - 8)
        fail("polling takes a smaller payload");
    pollers = allocate((size_t)options.connections * sizeof *pollers);
    progress();
    for (int i = 0; i < options.connections; i++) {
        struct poller *poller = &pollers[i];
        acks_init(&poller->acks);
        open_http(&poller->get, poller);
        open_http(&poller->post, poller);
        begin(&poller->get, "GET", NULL, 0, on_opened);
        while (ready_count < i - 32)
            turn(100);
    }
    while (ready_count < options.connections)
        turn(100);
    phase = PHASE_WARMUP;
    for (int i = 0; i < options.connections; i++)
        step(&pollers[i]);
    run_window();
    for (int i = 0; i < options.connections; i++)
        while (pollers[i].ack_missing || pollers[i].post.busy || pollers[i].get.busy)
            turn(100);
    if (received != sent)
        fail("%llu acks of %llu requests", (unsigned long long)received, (unsigned long long)sent);

    uint64_t deadline = now_ns() + 3000000000ull;
    for (int i = 0; i < options.connections; i++) {
        pollers[i].closing = true;
        begin(&pollers[i].post, "POST", "1", 1, on_closed);
    }
    while (closed_count < options.connections && now_ns() < deadline)
        turn(10);
    print_result("");
}
