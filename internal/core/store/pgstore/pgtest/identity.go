package pgtest

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// identity is the user who runs a server. PostgreSQL refuses to run as root.
type identity struct{ credential *syscall.Credential }

// unprivileged returns the user of this process or, for root, somebody who may do little.
func unprivileged() (identity, error) {
	if os.Getuid() != 0 {
		return identity{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return identity{}, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return identity{}, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return identity{}, err
	}
	return identity{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// own gives a file to the user.
func (i identity) own(path string) error {
	if i.credential == nil {
		return nil
	}
	return os.Chown(path, int(i.credential.Uid), int(i.credential.Gid))
}

// attributes start a process as the user, and have it killed with its parent.
func (i identity) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: i.credential, Pdeathsig: syscall.SIGKILL}
}
