# Only what Debian packages: nothing is fetched or vendored.
find_package(Threads REQUIRED)
# Debian 12 has several Boost versions side by side; coroutines need 1.81 or newer.
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
# Its -pthread, which glibc no longer asks for, would keep its users from the precompiled headers.
set_property(TARGET PkgConfig::re2 PROPERTY INTERFACE_COMPILE_OPTIONS)
pkg_check_modules(libidn2 REQUIRED IMPORTED_TARGET libidn2)
if(TARGET yaml-cpp::yaml-cpp)
  add_library(mesh_yaml_cpp ALIAS yaml-cpp::yaml-cpp)
else()
  add_library(mesh_yaml_cpp INTERFACE)
  target_link_libraries(mesh_yaml_cpp INTERFACE yaml-cpp)
endif()
# Header-only, compiled in src/config/toml.cpp alone: the package's library would be one more to
# install beside mesh.
find_path(MESH_TOMLPLUSPLUS NAMES toml++/toml.hpp toml++/toml.h REQUIRED)
if(MESH_TESTS)
  find_package(Catch2 REQUIRED)
endif()
