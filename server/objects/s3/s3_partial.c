/* What is written down of a partial object, in an object of its own, so that any worker can go on with it. */
#include "s3_internal.h"

#include "base/encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* First line "ferry-partial 1 SIZE"; upload id; parts; state of the hash; the ETags; then a NUL and the bytes that make no part. */
#define FIRST_LINE "ferry-partial 1 "

enum {
    NOTE_MAX = 2 << 20,
    FIRST_LINE_MAX = 64,
    HASH_HEX = 2 * sizeof(struct s3_hash) + 1,
};

static ferry_err write_head(const struct object_writer *w, struct ferry_buf *out)
{
    char hash[HASH_HEX];
    const char *etag = w->etags.data;
    ferry_hex_encode(&w->hash, sizeof w->hash, hash);
    ferry_err err = ferry_buf_printf(out, FIRST_LINE "%" PRIu64 "\n%s\n%u\n%s\n", w->hash.size, w->upload_id, w->parts, hash);
    for (unsigned i = 0; err == FERRY_OK && i < w->parts; i++) {
        err = ferry_buf_printf(out, "%s\n", etag);
        etag += strlen(etag) + 1;
    }
    return err == FERRY_OK ? ferry_buf_append(out, "", 1) : err;
}

ferry_err s3_note_write(const struct object_writer *w, struct ferry_buf *out)
{
    ferry_err err = write_head(w, out);
    return err == FERRY_OK && w->part.len > 0 ? ferry_buf_append(out, w->part.data, w->part.len) : err;
}

ferry_err s3_note(struct object_writer *w)
{
    ferry_autobuf text = FERRY_BUF_INIT(NOTE_MAX + S3_PART_LEAST_BYTES);
    char name[S3_NAME_SIZE];
    s3_partial_name(&w->key, name);
    ferry_err err = s3_note_write(w, &text);
    if (err != FERRY_OK)
        return err;
    w->noted = true; /* also when the answer is lost */
    return s3_put(w->store, name, text.data, text.len, NULL);
}

/* --- reading it again --------------------------------------------------------------------------------- */

/* The next line, without its end; null when there is none. */
static char *next_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');
    if (end == NULL)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line;
}

static bool number_of(const char *text, uint64_t *ret_number)
{
    char *end = NULL;
    *ret_number = strtoull(text, &end, 10);
    return end != text && *end == '\0';
}

/* What was hashed fills the states' blocks so far: another number would be a place outside of them. */
static bool hash_is_sound(const struct s3_hash *hash)
{
    unsigned filled = (unsigned)(hash->size % MD5_CBLOCK);
    return hash->md5.num == filled && hash->sha256.num == filled && hash->sha256.md_len == SHA256_DIGEST_LENGTH;
}

static ferry_err read_head(struct object_writer *w, char *at)
{
    char *first = next_line(&at), *id = first != NULL ? next_line(&at) : NULL;
    char *parts = id != NULL ? next_line(&at) : NULL, *hash = parts != NULL ? next_line(&at) : NULL;
    uint64_t size = 0, count = 0;
    if (hash == NULL || strncmp(first, FIRST_LINE, strlen(FIRST_LINE)) != 0 || !number_of(first + strlen(FIRST_LINE), &size) ||
        strlen(id) >= sizeof w->upload_id || !number_of(parts, &count) || count > S3_PARTS_MAX ||
        ferry_hex_decode(hash, strlen(hash), (uint8_t *)&w->hash, sizeof w->hash) != FERRY_OK || w->hash.size != size ||
        !hash_is_sound(&w->hash))
        return FERRY_E_CORRUPT;
    (void)snprintf(w->upload_id, sizeof w->upload_id, "%s", id);
    for (w->parts = 0; w->parts < count; w->parts++) {
        const char *etag = next_line(&at);
        if (etag == NULL)
            return FERRY_E_CORRUPT;
        ferry_err err = ferry_buf_append(&w->etags, etag, strlen(etag) + 1);
        if (err != FERRY_OK)
            return err;
    }
    return FERRY_OK;
}

ferry_err s3_note_read(struct object_writer *w, struct ferry_buf *text)
{
    const char *nul = text->len > 0 ? memchr(text->data, '\0', text->len) : NULL;
    ferry_err err = nul != NULL ? read_head(w, text->data) : FERRY_E_CORRUPT;
    return err == FERRY_OK ? ferry_buf_append(&w->part, nul + 1, text->len - (size_t)(nul + 1 - text->data)) : err;
}

ferry_err s3_recall(struct object_writer *w)
{
    s3_autoanswer answer = {.status = 0};
    char name[S3_NAME_SIZE];
    s3_partial_name(&w->key, name);
    const struct s3_call call = {.method = "GET",
                                 .name = name,
                                 .body_max = NOTE_MAX + S3_PART_LEAST_BYTES,
                                 .patience_ms = s3_patience_ms(S3_PART_LEAST_BYTES)};
    ferry_err err = s3_call(w->store, &call, &answer);
    if (err != FERRY_OK)
        return err;
    err = s3_note_read(w, &answer.body);
    if (err != FERRY_OK)
        return err;
    w->noted = true;
    atomic_store(&w->written, w->hash.size);
    return FERRY_OK;
}

ferry_err s3_partial_bytes(struct objects_s3 *store, const ferry_id *key, uint64_t *ret_size)
{
    s3_autoanswer answer = {.status = 0};
    char name[S3_NAME_SIZE], text[FIRST_LINE_MAX + 1] = "";
    s3_partial_name(key, name);
    const struct s3_call call = {.method = "GET",
                                 .name = name,
                                 .headers = {{"range", "bytes=0-63"}},
                                 .headers_count = 1,
                                 .into = text,
                                 .into_cap = FIRST_LINE_MAX,
                                 .patience_ms = S3_PATIENCE_MS};
    ferry_err err = s3_call(store, &call, &answer);
    *ret_size = 0;
    if (err == FERRY_E_NOT_FOUND)
        return FERRY_OK;
    if (err != FERRY_OK)
        return err;
    text[strcspn(text, "\n")] = '\0';
    bool good = strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) == 0 && number_of(text + strlen(FIRST_LINE), ret_size);
    return good ? FERRY_OK : FERRY_E_CORRUPT;
}
