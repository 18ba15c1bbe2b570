#include "certificate.h"

#include <openssl/x509.h>
#include <string.h>

bool certificate_name(const void *x509, char ret_name[CERTIFICATE_NAME_SIZE])
{
    const X509_NAME *subject = X509_get_subject_name(x509);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    bool ok = false;
    int len;

    ret_name[0] = '\0';
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return false;
    len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (len > 0 && len < CERTIFICATE_NAME_SIZE && memchr(text, '\0', (size_t)len) == NULL) {
        memcpy(ret_name, text, (size_t)len);
        ret_name[len] = '\0';
        ok = true;
    }
    OPENSSL_free(text);
    return ok;
}
