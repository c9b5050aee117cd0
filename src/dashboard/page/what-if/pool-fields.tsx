import type { OfferedPool } from '../../what-if/view.js';
import { configuredText, type Draft, FIELDS, type Field, shownRange, troubleOf } from './draft.js';

/** What may be changed of one pool; a changed field says what it was. */
export function PoolFields({
  pool,
  hue,
  draft,
  onType,
}: {
  pool: OfferedPool;
  hue: string;
  draft: Draft;
  onType: (field: Field, text: string) => void;
}) {
  const fields = draft[pool.name] ?? {};
  return (
    <article class={`card ${hue}`} aria-labelledby={`what-if-${pool.name}`}>
      <h2 id={`what-if-${pool.name}`}>{pool.name}</h2>
      <div class="fields">
        {FIELDS.map((field) => {
          const before = configuredText(pool, field);
          const text = fields[field.key] ?? before;
          const changed = fields[field.key] !== undefined;
          const wrong = changed && troubleOf(field, text) !== null;
          const id = `what-if-${pool.name}-${field.key}`;
          return (
            <div key={field.key} class={`field ${changed ? 'changed' : ''}`}>
              <label for={id}>{field.label}</label>
              <Input
                id={id}
                field={field}
                text={text}
                wrong={wrong}
                about={changed ? `${id}-was` : undefined}
                onType={(next) => onType(field, next)}
              />
              {changed && (
                <span class="was" id={`${id}-was`}>
                  was {field.kind === 'flag' ? (before === 'true' ? 'on' : 'off') : before}
                </span>
              )}
            </div>
          );
        })}
      </div>
    </article>
  );
}

interface Option {
  value: string;
  name: string;
}

const ON_OFF: readonly Option[] = [
  { value: 'true', name: 'on' },
  { value: 'false', name: 'off' },
];

function Input({
  id,
  field,
  text,
  wrong,
  about,
  onType,
}: {
  id: string;
  field: Field;
  text: string;
  wrong: boolean;
  /** Id of what describes it. */
  about: string | undefined;
  onType: (text: string) => void;
}) {
  switch (field.kind) {
    case 'number': {
      const { whole, min, above, max } = shownRange(field);
      return (
        <input
          id={id}
          type="number"
          inputMode="decimal"
          min={min ?? above}
          max={max}
          step={whole ? '1' : 'any'}
          value={text}
          aria-invalid={wrong}
          aria-describedby={about}
          onInput={(event) => onType(event.currentTarget.value)}
        />
      );
    }
    case 'choice':
    case 'flag': {
      const options: readonly Option[] =
        field.kind === 'flag' ? ON_OFF : field.options.map((value) => ({ value, name: value }));
      return (
        <select
          id={id}
          value={text}
          aria-describedby={about}
          onChange={(event) => onType(event.currentTarget.value)}
        >
          {options.map(({ value, name }) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      );
    }
  }
}
