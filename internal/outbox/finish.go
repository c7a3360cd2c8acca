package outbox

import "errors"

// finish is the last thing a keeper does in good order.
func (k *committer) finish() {
	if k.move != nil {
		_ = k.heal(<-k.moved) // if not, once more below
	}
	if err := k.commitPending(); err != nil {
		k.giveUp(err)
	}
	if k.superseded() {
		k.abandon()
		return
	}
	k.o.stopReading()
	var err error
	if k.store.InMemory() {
		err = k.lastHeal()
	} else {
		err = errors.Join(k.seal(), k.store.close())
	}
	k.closeErr = errors.Join(err, k.o.unlock())
}

// seal leaves a file in which every number is proven.
func (k *committer) seal() error {
	k.takeAllPositions()
	if err := k.snapshot(); err != nil {
		return err
	}
	if err := k.store.Transact(true, func() error {
		return errors.Join(k.store.savePositions(k.positions), k.store.setMeta("open", ""))
	}); err != nil {
		return err
	}
	return k.store.Checkpoint()
}
