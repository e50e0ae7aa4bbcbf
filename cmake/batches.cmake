# A header's templates are instantiated anew by every source that uses them: sources compiled several at a time
# take half the processor time. The debug preset compiles each alone, so that every source still includes what it
# uses and names what it means.
option(MESH_BATCHES "Compile several sources of a target at a time" OFF)

function(mesh_compile_in_batches target)
  if(MESH_BATCHES)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 24)
  endif()
endfunction()
