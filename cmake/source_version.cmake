# Sets MESH_COMMIT and MESH_SOURCE_TIME (seconds since 1970) from the checkout, or from
# SOURCE_DATE_EPOCH for a build from a tarball.
set(MESH_COMMIT unknown)
set(MESH_SOURCE_TIME 0)
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  set(MESH_SOURCE_TIME $ENV{SOURCE_DATE_EPOCH})
endif()
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/.git)
  execute_process(
    COMMAND ${GIT_EXECUTABLE} -c safe.directory=* log -1 --format=%h:%ct
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE described
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(described MATCHES "^([0-9a-f]+):([0-9]+)$")
    set(MESH_COMMIT ${CMAKE_MATCH_1})
    set(MESH_SOURCE_TIME ${CMAKE_MATCH_2})
  endif()
  if(EXISTS ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
      ${PROJECT_SOURCE_DIR}/.git/logs/HEAD)
  endif()
endif()
