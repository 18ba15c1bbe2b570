# The warnings that every target of ours is built with, and why each is there.
add_library(ferry_warnings INTERFACE)
target_compile_options(ferry_warnings INTERFACE
  -Wall -Wextra
  -Wshadow                # a hidden variable is a wrong variable
  -Wstrict-prototypes -Wmissing-prototypes # each function has one declaration, in a header
  -Wpointer-arith -Wcast-qual -Wwrite-strings # const is a promise
  -Wundef -Wvla           # no stack of unknown size
  -Wformat=2              # format strings are literals
  -Wswitch-enum           # a new enum value must be thought of everywhere
  -Wimplicit-fallthrough
  -Wdouble-promotion      # microcontrollers have no double
)
if(FERRY_WERROR)
  target_compile_options(ferry_warnings INTERFACE -Werror)
endif()
