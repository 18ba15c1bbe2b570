/* Leftovers. Other workers are at work meanwhile: what is young is left alone, whatever anybody says of it. */
#define _GNU_SOURCE /* timegm */

#include "s3_internal.h"
#include "s3_xml.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY_SIZE = 1025, LIST_PATIENCE_MS = 30000 };

typedef bool keep_func(void *arg, const ferry_id *key);

struct sweep {
    struct objects_s3 *store;
    keep_func *keep_object, *keep_partial;
    void *arg;
    uint64_t before_s; /* what is younger stays */
    uint64_t removed;
    ferry_err err; /* the first one; then nothing more is removed */
    /* the entry that is being read */
    char name[KEY_SIZE], upload_id[S3_UPLOAD_ID_SIZE];
    uint64_t made_s;
    /* where the list goes on */
    char next_key[KEY_SIZE], next_upload[S3_UPLOAD_ID_SIZE], token[S3_XML_TEXT_MAX + 1];
    bool more;
};

static uint64_t time_of(const char *text)
{
    struct tm tm = {.tm_year = 0};
    int year = 0, month = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
        return UINT64_MAX;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    return (uint64_t)timegm(&tm);
}

static void take(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text);
}

/* The part of the name below our prefix; null: it is not ours. */
static const char *below_prefix(const struct sweep *s)
{
    size_t len = strlen(s->store->address.prefix);
    return strncmp(s->name, s->store->address.prefix, len) == 0 ? s->name + len : NULL;
}

static void note_removal(struct sweep *s, ferry_err err)
{
    if (err == FERRY_OK)
        s->removed++;
    else
        s->err = err;
}

/* The rest of a name in a folder; null: it is not in there. */
static const char *within(const char *name, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(name, folder, len) == 0 ? name + len : NULL;
}

static void judge_partial(struct sweep *s, const char *text)
{
    ferry_id key;
    if (!ferry_id_parse(text, strlen(text), &key) || s->keep_partial(s->arg, &key))
        return;
    ferry_err err = s3_partial_remove(&s->store->base, &key);
    if (err != FERRY_E_BUSY)
        note_removal(s, err);
}

/* A name that is not ours stays: it may be the operator's, and nobody can mistake it for an object. */
static void judge_object(struct sweep *s)
{
    const char *name = below_prefix(s);
    ferry_id key;
    if (s->err != FERRY_OK || name == NULL || s->made_s > s->before_s)
        return;
    const char *partial = within(name, "partial/"), *aside = within(name, "damaged/");
    const char *text = aside != NULL ? aside : name;
    if (partial != NULL)
        judge_partial(s, partial);
    else if (within(name, "probe/") != NULL || (ferry_id_parse(text, strlen(text), &key) && !s->keep_object(s->arg, &key)))
        note_removal(s, s3_delete(s->store, name));
}

static void judge_upload(struct sweep *s)
{
    const char *name = below_prefix(s);
    ferry_id key;
    if (s->err == FERRY_OK && name != NULL && s->made_s <= s->before_s && ferry_id_parse(name, strlen(name), &key) &&
        !s->keep_partial(s->arg, &key))
        note_removal(s, s3_parts_abort(s->store, name, s->upload_id));
}

static void on_element(void *arg, const char *name, const char *text)
{
    struct sweep *s = arg;
    if (strcmp(name, "Key") == 0)
        take(s->name, sizeof s->name, text);
    else if (strcmp(name, "UploadId") == 0)
        take(s->upload_id, sizeof s->upload_id, text);
    else if (strcmp(name, "LastModified") == 0 || strcmp(name, "Initiated") == 0)
        s->made_s = time_of(text);
    else if (strcmp(name, "Contents") == 0)
        judge_object(s);
    else if (strcmp(name, "Upload") == 0)
        judge_upload(s);
    else if (strcmp(name, "IsTruncated") == 0)
        s->more = strcmp(text, "true") == 0;
    else if (strcmp(name, "NextContinuationToken") == 0)
        take(s->token, sizeof s->token, text);
    else if (strcmp(name, "NextKeyMarker") == 0)
        take(s->next_key, sizeof s->next_key, text);
    else if (strcmp(name, "NextUploadIdMarker") == 0)
        take(s->next_upload, sizeof s->next_upload, text);
}

static ferry_err read_list(struct sweep *s, const struct s3_call *call)
{
    s3_autoanswer answer = {.status = 0};
    s->more = false;
    ferry_err err = s3_call(s->store, call, &answer);
    if (err == FERRY_OK)
        err = s3_xml_read(answer.body.data, answer.body.len, on_element, s);
    return err == FERRY_OK ? s->err : err;
}

static ferry_err sweep_objects(struct sweep *s)
{
    ferry_err err;
    do {
        const struct s3_call call = {
            .method = "GET",
            .query = {{"list-type", "2"}, {"prefix", s->store->address.prefix}, {"continuation-token", s->token}},
            .query_count = s->token[0] != '\0' ? 3 : 2,
            .patience_ms = LIST_PATIENCE_MS};
        err = read_list(s, &call);
    } while (err == FERRY_OK && s->more && s->token[0] != '\0');
    return err;
}

static ferry_err sweep_uploads(struct sweep *s)
{
    ferry_err err;
    do {
        const struct s3_call call = {.method = "GET",
                                     .query = {{"uploads", ""},
                                               {"prefix", s->store->address.prefix},
                                               {"key-marker", s->next_key},
                                               {"upload-id-marker", s->next_upload}},
                                     .query_count = s->next_key[0] != '\0' ? 4 : 2,
                                     .patience_ms = LIST_PATIENCE_MS};
        err = read_list(s, &call);
    } while (err == FERRY_OK && s->more && s->next_key[0] != '\0');
    return err;
}

ferry_err s3_sweep(struct objects *o, bool (*keep_object)(void *arg, const ferry_id *key),
                   bool (*keep_partial)(void *arg, const ferry_id *key), void *arg, uint64_t *ret_removed)
{
    struct objects_s3 *store = s3_of(o);
    uint64_t now_s = store->wall_ms() / 1000;
    struct sweep *s = ferry_calloc(1, sizeof *s);
    if (s == NULL)
        return FERRY_E_NOMEM;
    *s = (struct sweep){.store = store,
                        .keep_object = keep_object,
                        .keep_partial = keep_partial,
                        .arg = arg,
                        .before_s = now_s > store->sweep_age_s ? now_s - store->sweep_age_s : 0};
    ferry_err err = sweep_objects(s);
    if (err == FERRY_OK)
        err = sweep_uploads(s);
    if (err == FERRY_OK)
        *ret_removed = s->removed;
    free(s);
    return err;
}
