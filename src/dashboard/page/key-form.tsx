import { useState } from 'preact/hooks';
import { giveKey } from './store.js';

/** Asks for an operator's key, where the gateway wants one. */
export function KeyForm({ message }: { message: string | null }) {
  const [key, set] = useState('');
  return (
    <form
      class="panel key-form"
      onSubmit={(event) => {
        event.preventDefault();
        giveKey(key.trim());
      }}
    >
      <h1>An operator's key is needed</h1>
      <p>{message}</p>
      <p class="muted">
        Make one with <code>sluice keys create --tenant NAME --operator</code>. It is kept until this tab is
        closed.
      </p>
      <label>
        API key
        <input
          type="password"
          autocomplete="off"
          value={key}
          onInput={(event) => set(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary" disabled={key.trim() === ''}>
        Open
      </button>
    </form>
  );
}
