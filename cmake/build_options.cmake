# Settings every target of ours gets, through one interface target: no global flags.
add_library(mesh_options INTERFACE)
target_include_directories(mesh_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(mesh_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wold-style-cast -Wimplicit-fallthrough -Werror=switch -Werror=return-type
  -fstack-protector-strong)
target_compile_definitions(mesh_options INTERFACE _GLIBCXX_ASSERTIONS
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ERROR_CODE_HEADER_ONLY)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(mesh_options INTERFACE -fcf-protection)
endif()
if(MESH_WERROR)
  target_compile_options(mesh_options INTERFACE -Werror)
endif()
if(MESH_SANITIZE)
  target_compile_options(mesh_options INTERFACE
    -fsanitize=${MESH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(mesh_options INTERFACE -fsanitize=${MESH_SANITIZE})
  # Instrumentation confuses g++'s flow analysis; the plain builds still fail on these.
  foreach(alarm maybe-uninitialized array-bounds stringop-overflow dangling-pointer restrict)
    target_compile_options(mesh_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-error=${alarm}>)
  endforeach()
  if(MESH_SANITIZE MATCHES "thread")
    # g++ cannot instrument atomic_thread_fence; Asio has a fence-free variant.
    target_compile_definitions(mesh_options INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
    target_compile_options(mesh_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
else()
  target_compile_options(mesh_options INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
target_link_options(mesh_options INTERFACE -Wl,-z,relro,-z,now)

if(MESH_FUZZ)
  # Every object is instrumented for coverage; only the fuzz targets link the fuzzer's main.
  target_compile_options(mesh_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(MESH_TIDY)
  find_program(MESH_CLANG_TIDY clang-tidy REQUIRED)
  set(CMAKE_CXX_CLANG_TIDY ${MESH_CLANG_TIDY} --quiet)
endif()
