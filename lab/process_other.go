//go:build !linux

package lab

import "syscall"

// Only Linux can be asked to end a child with its parent. Elsewhere Stop does
// it, as long as it is reached.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
