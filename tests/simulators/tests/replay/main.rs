//! The recorded exchanges of real servers, asked again of the simulators.
