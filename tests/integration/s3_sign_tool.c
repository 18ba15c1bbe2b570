/* Signs a URL as server/objects/s3 does, for tests that compare it with what others sign.
 *
 * s3_sign_tool v4|cos METHOD HOST PATH RAW_PATH ACCESS SECRET TOKEN REGION UNIX_S LIFE_S [q:NAME=VALUE | h:NAME=VALUE]...
 * An empty TOKEN is none. Writes the path with its query. */
#include "cos_sign.h"
#include "sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_OR_COS = 1, METHOD, HOST, PATH, RAW_PATH, ACCESS, SECRET, TOKEN, REGION, UNIX_S, LIFE_S, PAIRS };

static int usage(void)
{
    (void)fputs("usage: see s3_sign_tool.c\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    struct sigv4_pair query[SIGV4_PAIRS_MAX], headers[SIGV4_PAIRS_MAX];
    struct sigv4_request request = {.query = query, .headers = headers, .payload = SIGV4_UNSIGNED_PAYLOAD};
    if (argc < PAIRS || argc > PAIRS + SIGV4_PAIRS_MAX)
        return usage();
    for (int i = PAIRS; i < argc; i++) {
        char *equal = strchr(argv[i], '=');
        if (equal == NULL || argv[i][1] != ':')
            return usage();
        *equal = '\0';
        struct sigv4_pair pair = {argv[i] + 2, equal + 1};
        if (argv[i][0] == 'q')
            query[request.query_count++] = pair;
        else
            headers[request.headers_count++] = pair;
    }
    struct sigv4_signer signer = {argv[ACCESS], argv[SECRET], argv[TOKEN][0] != '\0' ? argv[TOKEN] : NULL, argv[REGION]};
    request.method = argv[METHOD];
    request.host = argv[HOST];
    request.path = argv[PATH];
    uint64_t unix_s = strtoull(argv[UNIX_S], NULL, 10), life_s = strtoull(argv[LIFE_S], NULL, 10);
    ferry_autobuf out = FERRY_BUF_INIT(16384);
    ferry_err err = strcmp(argv[V4_OR_COS], "cos") == 0
                        ? cos_presign(&signer, &request, argv[RAW_PATH], unix_s, life_s, &out)
                        : sigv4_presign(&signer, &request, unix_s, life_s, &out);
    if (err != FERRY_OK) {
        (void)fprintf(stderr, "%s\n", ferry_err_text(err));
        return 1;
    }
    return puts(out.data) >= 0 ? 0 : 1;
}
