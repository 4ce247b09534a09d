# `relais_tests`: the unit tests of one room as one program, each test known to ctest.
include(GoogleTest)

# A test's own file is not optimised: it runs for milliseconds, and optimising it would be a large part
# of a build. The room under test comes from its library, compiled as it ships (but for templates and
# inline functions that the test instantiates). Files that compute for seconds stand under OPTIMISED
# and get the flags of the preset.
set(RELAIS_QUICK_COMPILE -O0 -g1)

# relais_tests(ROOM [SOURCES a_test.cpp ...] [OPTIMISED heavy_test.cpp ...] LIBRARIES relais_room ...
#   [INCLUDES folder ...] [DEFINITIONS A="b" ...] [ENVIRONMENT A=1 ...])
function(relais_tests room)
  cmake_parse_arguments(TESTS "" "" "SOURCES;OPTIMISED;LIBRARIES;INCLUDES;DEFINITIONS;ENVIRONMENT" ${ARGN})
  set(program ${room}_tests)
  add_executable(${program} ${TESTS_SOURCES})
  set(targets ${program})
  if(TESTS_SOURCES)
    target_compile_options(${program} PRIVATE ${RELAIS_QUICK_COMPILE})
  endif()
  if(TESTS_OPTIMISED)
    set(heavy ${program}_optimised)
    add_library(${heavy} OBJECT ${TESTS_OPTIMISED})
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
