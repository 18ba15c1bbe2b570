# Every build switch of the project, with its default.
option(FERRY_WERROR "Treat warnings as errors (CI turns it on)" OFF)
option(FERRY_CONSOLE "Put the web console into ferryd (needs node and npm to build)" ON)
option(FERRY_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
set(FERRY_TEST_TIMEOUT_S 120 CACHE STRING "How long a test program may run; more where each step is watched")
set(FERRY_SANITIZE "" CACHE STRING "Sanitizers for everything, e.g. address,undefined or thread")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
if(CMAKE_SYSTEM_NAME STREQUAL "Generic")
  set(FERRY_BARE ON) # no operating system, see FerryBare.cmake
else()
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

if(FERRY_SANITIZE)
  add_compile_options(-fsanitize=${FERRY_SANITIZE} -fno-omit-frame-pointer)
  if(NOT FERRY_SANITIZE MATCHES "thread")
    add_compile_options(-fno-sanitize-recover=all)
  endif()
  add_link_options(-fsanitize=${FERRY_SANITIZE})
endif()
