# millhand_protos(NAME ROOTS dir... MESSAGES proto... SERVICES proto...)
#
# A static library of the generated code below ${generated}, which is never committed: Debian's protoc and libprotobuf
# have to be of one version.
function(millhand_protos name)
  cmake_parse_arguments(arg "" "" "ROOTS;MESSAGES;SERVICES" ${ARGN})
  set(includes ${arg_ROOTS})
  list(TRANSFORM includes PREPEND -I)
  set(code)
  foreach(proto IN LISTS arg_MESSAGES)
    find_file(source ${proto} PATHS ${arg_ROOTS} NO_DEFAULT_PATH NO_CACHE REQUIRED)
    string(REGEX REPLACE "[.]proto$" "" stem ${generated}/${proto})
    set(outputs ${stem}.pb.cc ${stem}.pb.h)
    set(plugin)
    if(proto IN_LIST arg_SERVICES)
      list(APPEND outputs ${stem}.grpc.pb.cc ${stem}.grpc.pb.h)
      set(plugin --grpc_out=${generated} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${generated}
      COMMAND protobuf::protoc ${includes} --cpp_out=${generated} ${plugin} ${proto}
      DEPENDS ${source}
      COMMENT "Generating ${proto}"
      VERBATIM)
    list(APPEND code ${outputs})
    unset(source)
  endforeach()
  add_library(${name} STATIC ${code})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_CLANG_TIDY "")
  target_include_directories(${name} SYSTEM PUBLIC $<BUILD_INTERFACE:${generated}>
                                                   $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${name} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
endfunction()
