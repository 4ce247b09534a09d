# Language, warnings and sanitizers for everything that we wrote; and `relais_room`, which makes one
# static library of one room of src/ and names the rooms that it may include.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

option(RELAIS_TESTS "Build tests and benchmarks" ON)
option(RELAIS_FUZZ "Build the fuzzers, and nothing else of tests and benchmarks: needs clang" OFF)
set(RELAIS_SANITIZE "" CACHE STRING "Comma-separated sanitizers: address,undefined or thread")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(relais_flags INTERFACE)
target_compile_options(relais_flags INTERFACE -fno-omit-frame-pointer)
# Warnings are g++'s; clang builds the fuzzers only, and would say other things of the same lines.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(relais_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Werror)
endif()
target_include_directories(relais_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(CMAKE_UNITY_BUILD)
  # Eight files of a room or of its tests are one to the compiler (all presets but debug): reading
  # the standard library is most of what a build costs. So two files of a room may not give one name
  # to two things, not even in unnamed namespaces. Preset debug compiles each file alone, and
  # finds the include that one of the eight took from another.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(relais_flags INTERFACE -Wno-subobject-linkage)  # takes them for headers
  endif()
endif()
if(RELAIS_SANITIZE)
  # vptr checks need RTTI, which the rooms are built without. GCC 12 sees uninitialized values in
  # the instrumented standard library that are none.
  set(sanitize -fsanitize=${RELAIS_SANITIZE} -fno-sanitize-recover=all -fno-sanitize=vptr)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(relais_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  if(RELAIS_FUZZ)
    # Which ways the program went is what libFuzzer is led by. It brings main(), so it is linked by
    # tests/fuzz alone.
    list(APPEND sanitize -fsanitize=fuzzer-no-link)
  endif()
  # A target with RELAIS_PLAIN is left as it is.
  target_compile_options(relais_flags INTERFACE
    "$<$<NOT:$<BOOL:$<TARGET_PROPERTY:RELAIS_PLAIN>>>:${sanitize}>")
  target_link_options(relais_flags INTERFACE -fsanitize=${RELAIS_SANITIZE})
endif()

# relais_room(NAME SOURCES a.cpp ... ROOMS base ... [LIBRARIES lib ...] [EXCEPTIONS])
# A room is built without exceptions and RTTI unless it says EXCEPTIONS (a library that it wraps throws).
function(relais_room name)
  cmake_parse_arguments(ROOM "EXCEPTIONS" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  add_library(relais_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(relais_${name} PUBLIC relais_flags ${ROOM_LIBRARIES})
  foreach(room IN LISTS ROOM_ROOMS)
    target_link_libraries(relais_${name} PUBLIC relais_${room})
  endforeach()
  if(NOT ROOM_EXCEPTIONS)
    target_compile_options(relais_${name} PRIVATE -fno-exceptions -fno-rtti)
  endif()
endfunction()
