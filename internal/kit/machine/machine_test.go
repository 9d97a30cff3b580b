package machine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gomph/gomph/internal/kit/machine"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestMemoryOfTheContainer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"nothing known", nil, 0},
		{"version 2, no limit", map[string]string{"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/memory.max": "max\n"}, 0},
		{"version 2", map[string]string{"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/memory.max": "536870912\n"}, 512 << 20},
		{"a group above is smaller", map[string]string{
			"proc/self/cgroup": "0::/slice/app\n", "sys/fs/cgroup/slice/app/memory.max": "1073741824\n", "sys/fs/cgroup/slice/memory.max": "268435456\n",
		}, 256 << 20},
		{"inside a container's own view", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "134217728\n"}, 128 << 20},
		{"version 1", map[string]string{
			"proc/self/cgroup": "5:cpu:/x\n4:memory:/docker/1\n", "sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "134217728\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 128 << 20},
		{"nonsense", map[string]string{"proc/self/cgroup": "what\n0::\n::::\n", "sys/fs/cgroup/memory.max": "-3"}, 0},
	} {
		if got := machine.Memory(tree(t, tc.files)); got != tc.want {
			t.Errorf("%s: %d, not %d", tc.name, got, tc.want)
		}
	}
}

func TestOpenFilesAreCounted(t *testing.T) {
	t.Parallel()
	f := machine.OpenFiles()
	if f.Open < 3 || f.Limit < f.Open || f.SystemOpen < f.Open {
		t.Errorf("%+v", f)
	}
}
