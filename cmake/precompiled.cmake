# Parsing the same headers again and again is a third of what a sanitizer build costs, and of what test programs
# do. Every source still includes what it uses: the debug preset compiles without this.
set(MESH_PRECOMPILE "" CACHE STRING "What to compile with precompiled headers: rooms;tests")

set(mesh_room_headers
  <algorithm> <array> <atomic> <chrono> <compare> <condition_variable> <cstddef> <cstdint> <deque> <functional>
  <map> <memory> <mutex> <optional> <set> <span> <string> <string_view> <thread> <unordered_map> <utility>
  <variant> <vector>)
set(mesh_test_headers
  ${mesh_room_headers} <filesystem> <fstream> <sstream> ${PROJECT_SOURCE_DIR}/tests/support/catch.hpp)

# mesh_precompiled_headers(rooms|tests): makes them, for targets that follow; here because of the directory's
# options. g++ refuses a precompiled header which knows a macro that its user lacks, and one compiled with
# other options: hence an owner without definitions of its own, and -fPIE where programs use it.
function(mesh_precompiled_headers kind)
  if(NOT kind IN_LIST MESH_PRECOMPILE)
    return()
  endif()
  set(source ${PROJECT_BINARY_DIR}/precompiled_${kind}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(mesh_precompiled_${kind} OBJECT ${source})
  target_link_libraries(mesh_precompiled_${kind} PRIVATE mesh_options)
  if(kind STREQUAL "tests")
    set_target_properties(mesh_precompiled_tests PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(mesh_precompiled_tests PRIVATE -fPIE)
    target_link_libraries(mesh_precompiled_tests PRIVATE Catch2::Catch2)
    target_precompile_headers(mesh_precompiled_tests PRIVATE ${mesh_test_headers})
  else()
    target_precompile_headers(mesh_precompiled_rooms PRIVATE ${mesh_room_headers})
  endif()
endfunction()

# mesh_use_precompiled(<target> rooms|tests): rooms for a static library, tests for a program with Catch2.
function(mesh_use_precompiled target kind)
  if(kind IN_LIST MESH_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM mesh_precompiled_${kind})
    # g++ forgets that a precompiled header is a system's, whose inlined code it must not warn of; the debug preset
    # still fails on these.
    foreach(alarm maybe-uninitialized array-bounds stringop-overflow stringop-overread dangling-pointer restrict)
      target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-error=${alarm}>)
    endforeach()
  endif()
endfunction()
