/* What an object URL costs to sign, in processor time: sign_bench DIR [URLS] */
#include "objects/local.h"
#include "objects/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { URLS = 200000 };

static const struct objects_local_config local = {.public_url = "https://files.example.com", .key = {1, 2, 3}};
static const char bucket[] = "s3://files/ferry?endpoint=https://files.example.com";

static double cpu_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static ferry_err measure(struct objects *objects, const char *title, object_method method, unsigned count)
{
    struct object_url url = {
        .method = method, .expires_s = 1900000000, .size = 123456, .md5 = "7cd96e091705fb4da41b3e11163cf663"};
    char text[FERRY_URL_MAX + 1];
    double began_us = cpu_us();
    ferry_err err = FERRY_OK;

    for (unsigned i = 0; err == FERRY_OK && i < count; i++) {
        url.task = url.key = ferry_id_make(1700000000000u + i, (const uint8_t *)"0123456789");
        err = objects->ops->url_sign(objects, &url, text, sizeof(text));
    }
    double each_us = (cpu_us() - began_us) / count;
    if (err == FERRY_OK)
        (void)printf("  %-22s %6.1f us, %8.0f a second on one core, %zu characters\n", title, each_us, 1e6 / each_us, strlen(text));
    return err;
}

static ferry_err measure_local(const char *dir, unsigned count)
{
    struct objects_local_config cfg = local;
    struct objects *objects = NULL;
    cfg.dir = dir;
    ferry_err err = objects_local_open(&cfg, &objects);

    if (err == FERRY_OK)
        err = measure(objects, "ferryd's own, PUT", OBJECT_PUT, count);
    if (objects != NULL)
        objects->ops->close(objects);
    return err;
}

static ferry_err measure_s3(unsigned count)
{
    char problem[OBJECTS_S3_PROBLEM_SIZE];
    struct objects_s3_address address;
    struct objects_s3_config cfg = {.address = &address, .access_key = "AKIAIOSFODNN7EXAMPLE", .public_url = local.public_url,
                                    .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
    struct objects *objects = NULL;
    ferry_err err = objects_s3_address_parse(bucket, &address, problem);

    if (err == FERRY_OK)
        err = objects_s3_open(&cfg, &objects);
    if (err == FERRY_OK)
        err = measure(objects, "presigned (S3), PUT", OBJECT_PUT, count);
    if (err == FERRY_OK)
        err = measure(objects, "presigned (S3), GET", OBJECT_GET, count);
    if (objects != NULL)
        objects->ops->close(objects);
    return err;
}

int main(int argc, char **argv)
{
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : URLS;
    ferry_err err = argc < 2 || count == 0 ? FERRY_E_ARG : measure_local(argv[1], count);

    if (err == FERRY_OK)
        err = measure_s3(count);
    if (err != FERRY_OK)
        (void)fprintf(stderr, "sign_bench DIR [URLS]: %s\n", ferry_err_text(err));
    return err == FERRY_OK ? 0 : 1;
}
