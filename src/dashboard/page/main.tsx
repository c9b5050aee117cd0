import './style.css';
import 'uplot/dist/uPlot.min.css';
import { render } from 'preact';
import { App } from './app.js';
import { store } from './store.js';
import { applyTheme } from './theme.js';

applyTheme();
store.startInSight();
const place = document.getElementById('page');
if (place !== null) render(<App />, place);
