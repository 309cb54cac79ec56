# A wheel: the package directory, with the libraries and the program, beside torch's.
if(SKBUILD)
  set(wheel_libraries lanner_fields lanner_ops lanner_datasets lanner_batches lanner_options lanner_detectors
      lanner_data_tools lanner_tools)
  if(LANNER_HAS_CUDA)
    list(APPEND wheel_libraries lanner_ops_cuda)
  endif()
  set_target_properties(${wheel_libraries} PROPERTIES INSTALL_RPATH "$ORIGIN;$ORIGIN/../../torch/lib")
  set_target_properties(lanner PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;$ORIGIN/../../torch/lib")
  set_target_properties(lanner_core PROPERTIES INSTALL_RPATH "$ORIGIN/lib;$ORIGIN/../torch/lib")
  install(TARGETS ${wheel_libraries} LIBRARY DESTINATION lib COMPONENT wheel)
  install(TARGETS lanner RUNTIME DESTINATION bin COMPONENT wheel)
  install(TARGETS lanner_core LIBRARY DESTINATION . COMPONENT wheel)
  install(FILES ${PROJECT_BINARY_DIR}/python/lanner/_built_for.py DESTINATION . COMPONENT wheel)
  install(PROGRAMS ${PROJECT_SOURCE_DIR}/python/scripts/lanner DESTINATION ${SKBUILD_SCRIPTS_DIR} COMPONENT wheel)
  return()
endif()

# `cmake --install build --prefix DIR`: the program, the libraries, the headers, and the package that
# find_package(lanner) finds. LibTorch stays where it is, in the Python environment.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_LIBDIR lib)  # the program looks for its jobs in ../lib
include(GNUInstallDirs)
set(LANNER_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/lanner)
set(installed lanner_torch lanner_fields lanner_ops lanner_datasets lanner_batches lanner_options lanner_detectors)
foreach(name fields ops datasets batches options detectors)
  set_target_properties(lanner_${name} PROPERTIES EXPORT_NAME ${name})
endforeach()
set_target_properties(${installed} lanner lanner_data_tools lanner_tools PROPERTIES
  INSTALL_RPATH "$ORIGIN;$ORIGIN/../${CMAKE_INSTALL_LIBDIR};${torch_lib}")
install(TARGETS ${installed} EXPORT lanner)
install(TARGETS lanner lanner_data_tools lanner_tools)
if(LANNER_HAS_CUDA)
  set_target_properties(lanner_ops_cuda PROPERTIES INSTALL_RPATH "$ORIGIN;${torch_lib}")
  install(TARGETS lanner_ops_cuda)
endif()
install(SCRIPT cmake/install_headers.cmake)
install(EXPORT lanner FILE lanner-targets.cmake NAMESPACE lanner:: DESTINATION ${LANNER_PACKAGE})
configure_package_config_file(cmake/lanner-config.cmake.in lanner-config.cmake INSTALL_DESTINATION ${LANNER_PACKAGE})
write_basic_package_version_file(lanner-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lanner-config.cmake ${PROJECT_BINARY_DIR}/lanner-config-version.cmake
              cmake/LannerOpenCV.cmake DESTINATION ${LANNER_PACKAGE})
