/* Runs a fuzzer's entry once over each file of a corpus folder, without libFuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* An exact copy on the heap, so that a sanitizer sees each read past the end. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    uint8_t *bytes;
    size_t size;

    if (file == NULL || fstat(fileno(file), &info) != 0)
        return -1;
    size = (size_t)info.st_size;
    bytes = malloc(size > 0 ? size : 1);
    if (bytes == NULL || fread(bytes, 1, size, file) != size)
        return -1;
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    const struct dirent *entry;
    unsigned count = 0;

    if (folder == NULL) {
        (void)fprintf(stderr, "usage: %s CORPUS_FOLDER (%s)\n", argv[0], argc == 2 ? strerror(errno) : "one folder");
        return 2;
    }
    while ((entry = readdir(folder)) != NULL) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        if (replay_file(path) != 0) {
            (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
            return 1;
        }
        count++;
    }
    (void)closedir(folder);
    (void)printf("%u files replayed\n", count);
    return count > 0 ? 0 : 1;
}
