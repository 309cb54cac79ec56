# A folder is a module, a target, a namespace and an include path: "lanner/ops/nms.h" is found in the
# source tree through a folder of links.
set(LANNER_INCLUDE ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${LANNER_INCLUDE}/lanner)

# lanner_add_library(ops SOURCES a.cpp ... LINK targets ...) makes the shared library lanner_ops.
function(lanner_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  set(target lanner_${name})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${LANNER_INCLUDE}/lanner/${name} SYMBOLIC)
  add_library(${target} SHARED ${arg_SOURCES})
  add_library(lanner::${name} ALIAS ${target})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${LANNER_INCLUDE}> $<INSTALL_INTERFACE:include>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${arg_LINK})
  # No per-target define: it would keep the targets from sharing one precompiled header.
  set_target_properties(${target} PROPERTIES DEFINE_SYMBOL "")
  lanner_warnings(${target})
endfunction()

# lanner_add_tests(ops SOURCES a.cpp ...) makes the Catch2 program ops_tests, run as the test "ops".
function(lanner_add_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name}_tests ${arg_SOURCES} $<TARGET_OBJECTS:lanner_test_main>)
  target_link_libraries(${name}_tests PRIVATE Catch2::Catch2 lanner::${name} ${arg_LINK})
  target_include_directories(${name}_tests PRIVATE ${PROJECT_SOURCE_DIR})
  lanner_warnings(${name}_tests)
  add_test(NAME ${name} COMMAND ${name}_tests)
endfunction()

function(lanner_warnings target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wno-unknown-pragmas>)
endfunction()
