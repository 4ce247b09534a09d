# Of the simulation, which the fuzzers build once more with another compiler.
set(simulation_sources
  sim_disk.cpp sim_faults.cpp sim_file.cpp sim_file_operations.cpp sim_kernel.cpp sim_network.cpp
  sim_peer.cpp sim_records.cpp sim_seed.cpp sim_socket.cpp sim_socket_operations.cpp sim_tls.cpp
  sim_trace.cpp sim_world.cpp)
list(TRANSFORM simulation_sources PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
