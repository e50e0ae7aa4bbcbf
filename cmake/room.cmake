# Test hooks let the environment slow the store down and kill the process at a named moment. A release
# build must not listen to such variables, so they exist only where asked for; debug and sanitizer
# builds ask.
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(mesh_test_hooks_default ON)
else()
  set(mesh_test_hooks_default OFF)
endif()
option(MESH_TEST_HOOKS "Honour MESH_TEST_* environment variables" ${mesh_test_hooks_default})

# mesh_room(<name> SOURCES ... [USES room...] [LINKS target...] [TEST_HOOKS])
# One library per folder of src/. USES are rooms, LINKS third-party targets (private). TEST_HOOKS: the
# room has some.
function(mesh_room name)
  cmake_parse_arguments(ROOM "TEST_HOOKS" "" "SOURCES;USES;LINKS" ${ARGN})
  add_library(mesh_${name} STATIC ${ROOM_SOURCES})
  target_link_libraries(mesh_${name} PUBLIC mesh_options)
  mesh_use_precompiled(mesh_${name} rooms)
  mesh_compile_in_batches(mesh_${name})
  foreach(used IN LISTS ROOM_USES)
    target_link_libraries(mesh_${name} PUBLIC mesh_${used})
  endforeach()
  if(ROOM_LINKS)
    target_link_libraries(mesh_${name} PRIVATE ${ROOM_LINKS})
  endif()
  if(ROOM_TEST_HOOKS AND MESH_TEST_HOOKS)
    target_compile_definitions(mesh_${name} PRIVATE MESH_TEST_HOOKS)
  endif()
endfunction()

# mesh_unit_test(<room> SOURCES ... [ALONE ...] [LINKS target...] [ARGUMENTS ...] [COST n] [APART source...]):
# tests/unit/<room> as one Catch2 program. ARGUMENTS: what it runs with.
# APART: sources (without .cpp) whose cases are an entry of ctest of their own, because the program mostly waits.
# ALONE: sources compiled by themselves always, whose names would collide with others'.
# COST: roughly its seconds under a sanitizer. ctest begins with the most, so that no core idles at the end.
function(mesh_unit_test room)
  cmake_parse_arguments(TEST "" "COST" "SOURCES;ALONE;LINKS;ARGUMENTS;APART" ${ARGN})
  add_executable(test_${room} ${TEST_SOURCES} ${TEST_ALONE})
  target_include_directories(test_${room} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(test_${room} PRIVATE mesh_${room} ${TEST_LINKS} Catch2::Catch2WithMain)
  mesh_use_precompiled(test_${room} tests)
  set_source_files_properties(${TEST_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  mesh_compile_in_batches(test_${room})
  set(entries unit.${room})
  if(TEST_APART)
    list(APPEND entries unit.${room}_apart)
    list(TRANSFORM TEST_APART REPLACE "(.+)" "[#\\1]")
    list(JOIN TEST_APART "," apart)
    list(JOIN TEST_APART "~" others)
    set(TEST_ARGUMENTS --filenames-as-tags "~[.]~${others}")
    add_test(NAME unit.${room}_apart COMMAND test_${room} --filenames-as-tags "${apart}")
  endif()
  add_test(NAME unit.${room} COMMAND test_${room} ${TEST_ARGUMENTS})
  set_tests_properties(${entries} PROPERTIES LABELS unit TIMEOUT 600)
  if(TEST_COST)
    set_tests_properties(${entries} PROPERTIES COST ${TEST_COST})
  endif()
endfunction()
