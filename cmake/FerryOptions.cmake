# Every build switch of the project, with its default.
option(FERRY_WERROR "Treat warnings as errors (CI turns it on)" OFF)
option(FERRY_CONSOLE "Put the web console into ferryd (needs node and npm to build)" ON)
option(FERRY_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
option(FERRY_COVERAGE "Count which lines and branches run (scripts/coverage)" OFF)
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

# Are these the programs as they are delivered? Only then their symbols, sizes and timing say anything.
if(FERRY_SANITIZE OR FERRY_COVERAGE OR FERRY_FUZZ OR CMAKE_CROSSCOMPILING_EMULATOR)
  set(FERRY_AS_DELIVERED OFF)
else()
  set(FERRY_AS_DELIVERED ON)
endif()

if(FERRY_COVERAGE) # threads and processes count together; an assert's other side is no branch that a test could take
  add_compile_options(--coverage -fprofile-update=atomic)
  add_compile_definitions(NDEBUG)
  add_link_options(--coverage)
endif()
