# Toolchain: a Cortex-M without an operating system, by Debian's arm-none-eabi-gcc and newlib.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(FERRY_CPU cortex-m4 CACHE STRING "For -mcpu=: cortex-m0, cortex-m0plus, cortex-m3 or cortex-m4")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FERRY_CPU)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # what it tries has no linker script

set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_C_FLAGS_INIT "-mcpu=${FERRY_CPU} -mthumb -ffunction-sections -fdata-sections -g")
