// Asio's and its TLS part's only definitions in the test programs.
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
