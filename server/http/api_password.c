#include "api_password.h"

#include <sodium.h>
#include <string.h>

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "room for a hash");

/* Of 32 random bytes that nobody has kept, with our cost: what a stranger's password is compared with. A test
 * holds its cost to that of a fresh hash. */
static const char nobodys[] =
    "$argon2id$v=19$m=65536,t=2,p=1$32HpGsG78hCQIgw8X9komA$vzJxgxIZ5oc/uhXB42dbybMFhUK6BmFGMf7sY0NAGmw";

ferry_err api_password_init(void)
{
    return sodium_init() >= 0 ? FERRY_OK : FERRY_E_UNSUPPORTED;
}

ferry_err api_password_hash(const char *password, char ret_hash[PASSWORD_HASH_SIZE])
{
    char hash[crypto_pwhash_STRBYTES];

    if (crypto_pwhash_str_alg(hash, password, strlen(password), API_PASSWORD_PASSES, API_PASSWORD_MEMORY,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        return FERRY_E_NOMEM;
    memset(ret_hash, 0, PASSWORD_HASH_SIZE);
    memcpy(ret_hash, hash, sizeof hash);
    return FERRY_OK;
}

bool api_password_check(const char *password, const char *hash)
{
    const char *compared = hash != NULL ? hash : nobodys;
    bool same = crypto_pwhash_str_verify(compared, password, strlen(password)) == 0;

    return same && hash != NULL;
}
