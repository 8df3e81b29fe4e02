/* Echo requests, and what their answers must be. */
#include "load.h"

#include <stdio.h>
#include <string.h>

#define PACKET_HEAD "42000000[\"echo\",\""
#define ANSWER_HEAD "43000000[\""
#define TAIL "\"]"
#define ANSWER_BODY_AT (2 + ID_DIGITS)

char *echo_packet;
size_t echo_packet_length;
static char *answer;
static size_t answer_length;
static uint32_t last_id;   /* ids wrap after it; a multiple of the slots, so that an id still tells its slot */

static char *build(const char *head, size_t *length)
{
    size_t size = strlen(head) + (size_t)options.payload + strlen(TAIL);
    char *text = allocate(size + 1);
    size_t at = strlen(head);
    memcpy(text, head, at);
    for (int i = 0; i < options.payload; i++)
        text[at++] = (char)('a' + i % 26);
    memcpy(text + at, TAIL, strlen(TAIL));
    *length = size;
    return text;
}

void acks_prepare(void)
{
    echo_packet = build(PACKET_HEAD, &echo_packet_length);
    answer = build(ANSWER_HEAD, &answer_length);
    uint32_t slots = (uint32_t)options.outstanding;
    last_id = FIRST_ID + 900000u / slots * slots;
}

void acks_init(struct acks *acks)
{
    acks->expected = allocate((size_t)options.outstanding * sizeof *acks->expected);
}

uint32_t acks_first(struct acks *acks, int slot)
{
    return acks->expected[slot] = FIRST_ID + (uint32_t)slot;
}

int acks_check(struct acks *acks, const uint8_t *packet, size_t length)
{
    if (length != answer_length || packet[0] != '4' || packet[1] != '3')
        fail("expected an ack of %zu bytes, received %zu: %.*s", answer_length, length,
             (int)(length < 100 ? length : 100), packet);
    uint32_t id = read_digits(packet + 2, ID_DIGITS);
    if (id < FIRST_ID || id >= last_id)
        fail("an ack has the id %.*s", ID_DIGITS, packet + 2);
    int slot = (int)((id - FIRST_ID) % (uint32_t)options.outstanding);
    if (acks->expected[slot] != id)
        fail("ack %u came while %u was expected", id, acks->expected[slot]);
    if (memcmp(packet + ANSWER_BODY_AT, answer + ANSWER_BODY_AT, length - ANSWER_BODY_AT) != 0)
        fail("ack %u holds another payload than was sent", id);
    return slot;
}

uint32_t acks_next(struct acks *acks, int slot, bool rest)
{
    uint32_t id = acks->expected[slot] + (uint32_t)options.outstanding;
    if (id >= last_id)
        id -= last_id - FIRST_ID;
    return acks->expected[slot] = rest ? 0 : id;
}
