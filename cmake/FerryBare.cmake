# What takes the place of FerryLibraries and of ferry_test() when we build for a Cortex-M: one header
# of other people instead of libraries, and tests that run on a board that QEMU emulates.

# jsmn is one header, and lies among those of the host's libc, which must not be seen here.
find_path(JSMN_HOST_DIR jsmn.h PATHS /usr/local/include /usr/include REQUIRED)
set(JSMN_INCLUDE_DIR ${CMAKE_BINARY_DIR}/jsmn)
configure_file(${JSMN_HOST_DIR}/jsmn.h ${JSMN_INCLUDE_DIR}/jsmn.h COPYONLY)

# The board whose controller runs this code: the suite needs more memory than small boards have. A
# Cortex-M3 has all instructions of an M0+, and an M0 all that M0+ code uses.
if(FERRY_CPU STREQUAL "cortex-m4")
  set(FERRY_BOARD mps2-an386)
elseif(FERRY_CPU MATCHES "^cortex-m(0|0plus|3)$")
  set(FERRY_BOARD mps2-an385)
else()
  message(FATAL_ERROR "FERRY_CPU is ${FERRY_CPU}: no board is known that runs it; see cmake/FerryBare.cmake")
endif()
find_program(FERRY_QEMU qemu-system-arm)
if(NOT FERRY_QEMU)
  message(WARNING "qemu-system-arm is not installed: the tests are built, but ctest has none to run")
endif()

# ferry_board(TARGET BOARD [LINK options] [QEMU options]): links the program for that board. CMake starts it there.
function(ferry_board target board)
  cmake_parse_arguments(ARG "" "" "LINK;QEMU" ${ARGN})
  string(REGEX REPLACE "-.*" "" family ${board})
  set(folder ${PROJECT_SOURCE_DIR}/tests/bare/board)
  target_link_libraries(${target} PRIVATE ferry_start)
  target_link_options(${target} PRIVATE -nostartfiles -Wl,--gc-sections -Wl,--fatal-warnings
    -L${folder} -T${family}.ld ${ARG_LINK})
  set(qemu ${FERRY_QEMU} -M ${board} -display none -serial none -monitor none -semihosting ${ARG_QEMU} -kernel)
  set_target_properties(${target} PROPERTIES SUFFIX .elf CROSSCOMPILING_EMULATOR "${qemu}"
    LINK_DEPENDS "${folder}/${family}.ld;${folder}/sections.ld")
endfunction()

# ferry_board_test(TARGET [COMMAND...]): ctest runs it on its board; a command gets how as its last arguments.
function(ferry_board_test target)
  if(FERRY_QEMU)
    add_test(NAME ${target} COMMAND ${ARGN} $<TARGET_PROPERTY:${target},CROSSCOMPILING_EMULATOR> $<TARGET_FILE:${target}>
      COMMAND_EXPAND_LISTS)
    set_tests_properties(${target} PROPERTIES TIMEOUT 120)
  endif()
endfunction()

# As in FerryTargets: a program of cmocka tests, run by ctest.
function(ferry_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} PkgConfig::CMOCKA ferry_warnings)
  ferry_board(${name} ${FERRY_BOARD})
  ferry_board_test(${name})
endfunction()
