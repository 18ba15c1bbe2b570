/*
 * A disk may give back anything as an entry of the hook's list: what is taken for a job has what a job needs, and is the same
 * again when it is written and read.
 */
#include "fuzz.h"

#include "ferry_spool.h"

#include <string.h>

enum { JOB_MAX = 1 << 20 };

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_again(const struct ferry_job *job)
{
    struct ferry_buf text = FERRY_BUF_INIT(JOB_MAX);
    struct ferry_job again;

    FUZZ_CHECK(ferry_job_write(job, &text) == FERRY_OK);
    FUZZ_CHECK(ferry_job_parse(text.data, text.len, &again) == FERRY_OK);
    FUZZ_CHECK(same_text(job->path, again.path) && same_text(job->name, again.name) && same_text(job->md5, again.md5));
    FUZZ_CHECK(same_text(job->error, again.error) && same_text(job->message, again.message));
    FUZZ_CHECK(job->attempts == again.attempts && job->size == again.size && job->changed_ns == again.changed_ns);
    FUZZ_CHECK(job->volume == again.volume && job->inode == again.inode);
    ferry_job_done(&again);
    ferry_buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ferry_job job;
    ferry_err err = ferry_job_parse((const char *)data, size, &job);

    FUZZ_CHECK(err == FERRY_OK || err == FERRY_E_CORRUPT);
    if (err == FERRY_OK) {
        FUZZ_CHECK(job.name != NULL && (job.path != NULL || job.error != NULL));
        check_again(&job);
    }
    ferry_job_done(&job);
    return 0;
}
