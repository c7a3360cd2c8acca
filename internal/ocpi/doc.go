// Package ocpi decides what partners read by OCPI 2.2.1: locations with their EVSEs, the status
// of each, and when each was last updated. It is made of the file of ports and of what Central
// knows of the charge points.
package ocpi
