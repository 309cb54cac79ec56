# A folder is a module, a target, a namespace and an include path: "lanner/ops/nms.h" is found in the
# source tree through a folder of links.
set(LANNER_INCLUDE ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${LANNER_INCLUDE}/lanner)
foreach(header lanner.h object_detector.h)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/detectors/${header} ${LANNER_INCLUDE}/lanner/${header} SYMBOLIC)
endforeach()

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
  lanner_warnings(${target})
endfunction()

# lanner_add_tests(ops SOURCES a.cpp ...) makes the Catch2 program ops_tests, run as the test "ops".
# INTERNALS: the program contains the library's objects, and may use what the library hides.
function(lanner_add_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "INTERNALS" "" "SOURCES;LINK")
  if(arg_INTERNALS)
    list(APPEND arg_SOURCES $<TARGET_OBJECTS:lanner_${name}>)
    list(APPEND arg_LINK $<TARGET_PROPERTY:lanner_${name},LINK_LIBRARIES>)
  endif()
  add_executable(${name}_tests ${arg_SOURCES} $<TARGET_OBJECTS:lanner_test_main>)
  target_link_libraries(${name}_tests PRIVATE Catch2::Catch2 lanner::${name} ${arg_LINK})
  target_include_directories(${name}_tests PRIVATE ${PROJECT_SOURCE_DIR})
  lanner_warnings(${name}_tests)
  # Tests need no more: they compile a tenth faster.
  target_compile_options(${name}_tests PRIVATE $<$<CONFIG:Release>:-O1>)
  add_test(NAME ${name} COMMAND ${name}_tests)
endfunction()

# Everything that includes torch shares one precompiled header, made by the target lanner_torch_pch.
function(lanner_use_torch_pch target)
  if(NOT TARGET lanner_torch_pch)
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/torch_pch.cpp CONTENT "")
    add_library(lanner_torch_pch OBJECT ${PROJECT_BINARY_DIR}/torch_pch.cpp)
    target_link_libraries(lanner_torch_pch PRIVATE lanner_torch)
    target_precompile_headers(lanner_torch_pch PRIVATE ${PROJECT_SOURCE_DIR}/ops/torch.h)
    lanner_warnings(lanner_torch_pch)
  endif()
  target_precompile_headers(${target} REUSE_FROM lanner_torch_pch)
endfunction()

# Compiles the sources of a folder together: every file that includes torch costs 4 s before its own
# first line, precompiled header included. Names in anonymous namespaces are unique per folder. Further
# arguments: the folders this is for; none: all.
function(lanner_compile_by_folder target)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS sources)
    get_filename_component(folder "${source}" DIRECTORY)
    if(ARGN AND NOT folder IN_LIST ARGN)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    else()
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP "${target}_${folder}")
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

function(lanner_warnings target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wno-unknown-pragmas>)
endfunction()
