# `relais_tests`: the unit tests of one room as one program, each test known to ctest.
include(GoogleTest)

# Tests are the larger half of what is compiled, and most of that is GoogleTest and the standard
# library, read again for every file and then optimised. So their headers are precompiled, and a
# test's own file is not optimised: it runs for milliseconds. The room under test comes from its
# library, compiled as it ships (but for templates and inline functions that the test instantiates).
# Files that compute for seconds stand under OPTIMISED and get the flags of the preset.
set(RELAIS_QUICK_COMPILE -O0 -g1)

# GCC takes a precompiled header only into files compiled with the same flags, so there are two.
foreach(kind quick optimised)
  set(empty ${CMAKE_CURRENT_BINARY_DIR}/${kind}.cpp)
  file(CONFIGURE OUTPUT ${empty} CONTENT "// Carries the precompiled headers of the tests.\n")
  add_library(relais_test_headers_${kind} OBJECT ${empty})
  target_link_libraries(relais_test_headers_${kind} PRIVATE relais_flags GTest::gtest)
  target_precompile_headers(relais_test_headers_${kind} PRIVATE
    <gtest/gtest.h>
    <algorithm> <array> <cstdint> <expected> <filesystem> <fstream> <functional> <map> <memory>
    <optional> <set> <span> <string> <string_view> <utility> <vector>)
endforeach()
target_compile_options(relais_test_headers_quick PRIVATE ${RELAIS_QUICK_COMPILE})

# relais_test_flags(TARGET [OPTIMISED]): how a test's files are compiled.
function(relais_test_flags target)
  if("OPTIMISED" IN_LIST ARGN)
    target_precompile_headers(${target} REUSE_FROM relais_test_headers_optimised)
  else()
    target_compile_options(${target} PRIVATE ${RELAIS_QUICK_COMPILE})
    target_precompile_headers(${target} REUSE_FROM relais_test_headers_quick)
  endif()
endfunction()

# relais_tests(ROOM [SOURCES a_test.cpp ...] [OPTIMISED heavy_test.cpp ...] LIBRARIES relais_room ...
#   [INCLUDES folder ...] [DEFINITIONS A="b" ...] [ENVIRONMENT A=1 ...])
function(relais_tests room)
  cmake_parse_arguments(TESTS "" "" "SOURCES;OPTIMISED;LIBRARIES;INCLUDES;DEFINITIONS;ENVIRONMENT" ${ARGN})
  set(program ${room}_tests)
  add_executable(${program} ${TESTS_SOURCES})
  set(targets ${program})
  if(TESTS_SOURCES)
    relais_test_flags(${program})
  endif()
  if(TESTS_OPTIMISED)
    set(heavy ${program}_optimised)
    add_library(${heavy} OBJECT ${TESTS_OPTIMISED})
    relais_test_flags(${heavy} OPTIMISED)
    target_sources(${program} PRIVATE $<TARGET_OBJECTS:${heavy}>)
    list(APPEND targets ${heavy})
  endif()
  foreach(target IN LISTS targets)
    target_link_libraries(${target} PRIVATE ${TESTS_LIBRARIES} GTest::gtest_main)
    target_include_directories(${target} PRIVATE ${TESTS_INCLUDES})
    target_compile_definitions(${target} PRIVATE ${TESTS_DEFINITIONS})
  endforeach()
  set(properties)
  if(TESTS_ENVIRONMENT)
    set(properties PROPERTIES ENVIRONMENT "${TESTS_ENVIRONMENT}")
  endif()
  gtest_discover_tests(${program} DISCOVERY_TIMEOUT 60 TEST_PREFIX "${room}." ${properties})
endfunction()
