/* WebSocket client frames: RFC 6455, 5.2 and 5.3. */
#include "load.h"

#include <string.h>
#include <sys/random.h>

/* One key for the whole run: a server cannot tell, and unmasking costs it the same. */
static const uint8_t *mask_key(void)
{
    static uint8_t key[4];
    while (!key[0] || !key[1] || !key[2] || !key[3])
        if (getrandom(key, sizeof key, 0) != sizeof key)
            fail("no random bytes");
    return key;
}

size_t frame_write(uint8_t *out, uint8_t opcode, const void *payload, size_t length)
{
    const uint8_t *key = mask_key();
    const uint8_t *from = payload;
    size_t at = 0;
    out[at++] = (uint8_t)(0x80 | opcode);
    if (length < 126) {
        out[at++] = (uint8_t)(0x80 | length);
    } else if (length < 65536) {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(length >> 8);
        out[at++] = (uint8_t)length;
    } else {
        out[at++] = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            out[at++] = (uint8_t)((uint64_t)length >> shift);
    }
    memcpy(out + at, key, 4);
    at += 4;
    for (size_t i = 0; i < length; i++)
        out[at + i] = from[i] ^ key[i & 3];
    return at + length;
}

void template_make(struct template *template, const char *payload, size_t length, size_t digits_at, int digits)
{
    template->bytes = allocate(length + MAX_FRAME_HEADER);
    template->length = frame_write(template->bytes, 1, payload, length);
    template->digits_at = template->length - length + digits_at;
    template->digits = digits;
    for (size_t i = 0; i < 4; i++)
        template->key[i] = mask_key()[(digits_at + i) & 3];
}
