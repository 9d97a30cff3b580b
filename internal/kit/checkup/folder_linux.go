package checkup

import (
	"os"

	"golang.org/x/sys/unix"
)

// kinds are file systems by their number in statfs(2) (linux/magic.h).
var kinds = map[uint32]string{
	unix.NFS_SUPER_MAGIC: "nfs", 0xff534d42: "cifs", unix.SMB_SUPER_MAGIC: "smb", 0xfe534d42: "smb2", unix.FUSE_SUPER_MAGIC: "fuse",
	unix.CEPH_SUPER_MAGIC: "ceph", unix.AFS_SUPER_MAGIC: "afs", unix.V9FS_MAGIC: "9p",
	unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
	0x2fc12fc1: "zfs", unix.OVERLAYFS_SUPER_MAGIC: "overlay", unix.F2FS_SUPER_MAGIC: "f2fs",
}

func statfs(dir string) (unix.Statfs_t, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return s, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return s, nil
}

// kindOf names the kind of file system that a folder is in; "" for one that is not known.
func kindOf(dir string) (string, error) {
	s, err := statfs(dir)
	return kinds[uint32(s.Type)], err //nolint:gosec // a number of 32 bits
}

// room is how many bytes are free for us, and how many there are.
func room(dir string) (free, all int64, err error) {
	s, err := statfs(dir)
	return int64(s.Bavail) * s.Frsize, int64(s.Blocks) * s.Frsize, err //nolint:gosec // no disk has that many
}
