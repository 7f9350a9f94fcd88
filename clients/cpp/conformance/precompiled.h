// What every source of the program includes, compiled once.
#pragma once

#include <millhand/millhand.h>

#include "millhand/conformance/v1/conformance.pb.h"
