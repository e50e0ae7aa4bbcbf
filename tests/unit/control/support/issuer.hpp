#pragma once
#include "fault/ca/issuer.hpp"

namespace mesh::control::test {

using fault::Issuer;

}  // namespace mesh::control::test
