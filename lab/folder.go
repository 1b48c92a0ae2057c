package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	folderPrefix = "callbackd-lab-"
	folderLock   = "in-use"
)

// folder is the temporary folder of one instance. It holds a locked file for
// as long as the program lives, by which later programs know whether it was
// left behind.
type folder struct {
	path string
	lock *os.File
}

// newFolder makes a folder below the system's one for temporary files, having
// removed those that dead programs of this user left there.
func newFolder() (*folder, error) {
	parent := os.TempDir()
	sweep(parent)
	// It gets the name that sweeps look for only once it is locked.
	const unlocked = "callbackd-new-"
	made, err := os.MkdirTemp(parent, unlocked+"*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	path := filepath.Join(parent, folderPrefix+strings.TrimPrefix(filepath.Base(made), unlocked))
	lock, err := lockFile(filepath.Join(made, folderLock))
	if err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a temporary folder: %w", err), os.RemoveAll(made))
	}
	return &folder{path: path, lock: lock}, nil
}

// join returns the path of something in the folder.
func (f *folder) join(elem ...string) string {
	return filepath.Join(append([]string{f.path}, elem...)...)
}

// remove deletes the folder and all that is in it. It may be called again.
func (f *folder) remove() error {
	err := f.lock.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(os.RemoveAll(f.path), err)
}

// sweep removes the folders of programs that died without cleaning up. What
// it cannot remove, it leaves: this is tidiness, not anybody's duty.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, folderPrefix+"*"))
	for _, path := range left {
		lock, err := os.OpenFile(filepath.Join(path, folderLock), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(path)
		}
		lock.Close()
	}
}

// lockFile opens or makes a file and waits until nobody else has it locked.
// Closing it, or the end of the program, gives the lock back.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(&os.PathError{Op: "lock", Path: path, Err: err}, f.Close())
	}
	return f, nil
}
