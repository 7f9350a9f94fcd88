// Everything of the Millhand client.
#pragma once

#include "millhand/client.h"   // IWYU pragma: export
#include "millhand/errors.h"   // IWYU pragma: export
#include "millhand/options.h"  // IWYU pragma: export
#include "millhand/reader.h"   // IWYU pragma: export
#include "millhand/records.h"  // IWYU pragma: export
#include "millhand/session.h"  // IWYU pragma: export
#include "millhand/value.h"    // IWYU pragma: export
