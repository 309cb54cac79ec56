# OpenCV's CMake package comes with all of its modules (libopencv-dev, 1 GB); three are enough. Used by
# the build, and by programs that use an installed lanner.
find_path(LANNER_OPENCV_INCLUDE opencv2/core.hpp PATH_SUFFIXES opencv4 REQUIRED)
foreach(module core imgproc imgcodecs)
  find_library(LANNER_OPENCV_${module} opencv_${module} REQUIRED)
  if(NOT TARGET lanner_opencv_${module})
    add_library(lanner_opencv_${module} INTERFACE IMPORTED GLOBAL)
    target_include_directories(lanner_opencv_${module} SYSTEM INTERFACE ${LANNER_OPENCV_INCLUDE})
    target_link_libraries(lanner_opencv_${module} INTERFACE ${LANNER_OPENCV_${module}})
  endif()
endforeach()
