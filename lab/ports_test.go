package lab

import "testing"

// Ports that are given out and not bound yet are not given out once more.
func TestQuietUDP_NoneTwice(t *testing.T) {
	t.Parallel()
	given := map[int]bool{}
	for range quietPorts / 2 {
		port, err := quietUDP()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] {
			t.Fatalf("port %d is given out twice", port)
		}
		given[port] = true
	}
}
