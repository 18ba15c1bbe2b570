# ferry_console(TARGET): builds the web console by npm and puts its files into the target, as C.
# npm ci runs when package-lock.json has changed, the build when a source has; both work in the build folder only.
function(ferry_console target)
  set(source ${PROJECT_SOURCE_DIR}/console)
  set(work ${CMAKE_CURRENT_BINARY_DIR}/console)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/api_console_files.c)

  if(NOT FERRY_CONSOLE)
    file(CONFIGURE OUTPUT ${output} CONTENT [[
#include "api_console.h"

const struct api_console_file *const api_console_files = NULL;
const size_t api_console_files_count = 0;
]] @ONLY)
    target_sources(${target} PRIVATE ${output})
    return()
  endif()

  find_program(FERRY_NPM npm)
  find_program(FERRY_NODE NAMES node nodejs)
  if(NOT FERRY_NPM OR NOT FERRY_NODE)
    message(FATAL_ERROR "node and npm are missing, which build the web console. Type: scripts/install-deps. "
      "For a ferryd without the console: -DFERRY_CONSOLE=OFF")
  endif()

  set(lock ${source}/package.json ${source}/package-lock.json)
  add_custom_command(OUTPUT ${work}/node_modules/.package-lock.json
    COMMAND ${CMAKE_COMMAND} -E make_directory ${work}
    COMMAND ${CMAKE_COMMAND} -E copy ${lock} ${work}
    COMMAND ${FERRY_NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error
    COMMAND ${CMAKE_COMMAND} -E touch ${work}/node_modules/.package-lock.json
    DEPENDS ${lock}
    WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/console
    COMMENT "Fetching what builds the console"
    VERBATIM)
  file(MAKE_DIRECTORY ${work})

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${source}/src/*)
  set(settings ${source}/index.html ${source}/vite.config.ts ${source}/tsconfig.json)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${work}/src ${work}/dist
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${source}/src ${work}/src
    COMMAND ${CMAKE_COMMAND} -E copy ${settings} ${work}
    COMMAND ${FERRY_NPM} run --silent build
    COMMAND ${FERRY_NODE} ${source}/embed.mjs ${work}/dist ${output}
    DEPENDS ${sources} ${settings} ${source}/embed.mjs ${work}/node_modules/.package-lock.json
    WORKING_DIRECTORY ${work}
    COMMENT "Building the console"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
