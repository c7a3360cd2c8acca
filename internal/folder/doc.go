// Package folder is what every program does with the folder that holds its state:
// one process has it at a time, and a file in it that can't be used is put aside
// under a name that says when and why. Nothing is ever deleted.
package folder
