# Writes the bytes of INPUT as a C array with its length: cmake -DINPUT= -DOUTPUT= -DSYMBOL= -P embed_file.cmake
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,){16})" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <stddef.h>
extern const unsigned char ${SYMBOL}[];
extern const size_t ${SYMBOL}_len;
const unsigned char ${SYMBOL}[] = {
${bytes}};
const size_t ${SYMBOL}_len = sizeof ${SYMBOL};
")
